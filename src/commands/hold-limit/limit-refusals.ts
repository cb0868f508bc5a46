import { refuse } from '../core/result.ts';
import type { Excess } from './hold-limit.ts';

/**
 * Refuses a claim that a rule of fair use forbids. The refusal says which rule, what to do, and
 * when to try again.
 */
export function excessive({ rule, max, retryMs, seatId }: Excess) {
  const seconds = retryMs === undefined ? undefined : Math.ceil(retryMs / 1_000);
  const later = seconds === undefined ? '' : `, or try again in ${seconds} s`;
  switch (rule) {
    case 'session': {
      const detail = `a buyer may hold at most ${max} seats of this session: pay or give some back${later}`;
      return refuse('too-many-seats', detail, seconds);
    }
    case 'total': {
      const detail = `a buyer may hold at most ${max} seats of all sessions: pay or give some back${later}`;
      return refuse('too-many-held', detail, seconds);
    }
    case 'bought': {
      const detail = `a buyer may have at most ${max} seats of this session, held and bought: give some back${later}`;
      return refuse('too-many-bought', detail, seconds);
    }
    case 'again': {
      const detail = `the buyer held seat ${seatId} and did not pay it. Other buyers may take it first: try again in ${seconds} s`;
      return refuse('hold-again-later', detail, seconds);
    }
  }
}
