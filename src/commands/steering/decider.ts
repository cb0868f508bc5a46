import { isDeepStrictEqual } from 'node:util';
import type { EventOf } from '../../events/events.ts';
import { type AtRevision, accept, type Decider } from '../core/decider.ts';

/** How the waiting queue is steered, by the steps in the log. */
export interface Steering {
  /** Revision of the last step; −1 before the first. */
  readonly revision: number;
  /** Places, in place of the setting; null: the setting counts. */
  readonly admittedMax: number | null;
  /** Admissions per minute; null: no limit. */
  readonly perMinute: number | null;
  readonly paused: boolean;
  readonly draining: boolean;
  /** Revision of the last step that emptied the line; −1: none did. */
  readonly clearedRevision: number;
}

/** What one step changes; what it does not name stays. */
export interface SteeringChange {
  readonly admittedMax?: number | null;
  readonly perMinute?: number | null;
  readonly paused?: boolean;
  readonly draining?: boolean;
}

export interface SteerQueue {
  readonly type: 'SteerQueue';
  readonly change: SteeringChange;
  /** Empties the line: who waits enrols again. */
  readonly clear: boolean;
  readonly by: string;
  readonly reason: string;
  /** ISO 8601 UTC. */
  readonly at: string;
}

type QueueSteered = EventOf<'QueueSteered'>;

/** Each step says all that is so after it, so that the last one is enough to know. */
export const steeringDecider: Decider<Steering, SteerQueue, QueueSteered, 'changed' | 'unchanged'> =
  {
    initial: {
      ...{ revision: -1, admittedMax: null, perMinute: null },
      ...{ paused: false, draining: false, clearedRevision: -1 },
    },
    evolve: steeredBy,
    decide({ change, clear, by, reason, at }, state) {
      const { admittedMax, perMinute, paused, draining } = state;
      const before = { admittedMax, perMinute, paused, draining };
      const after = { ...before, ...change };
      if (!clear && isDeepStrictEqual(before, after)) return accept([], 'unchanged');
      const data = { ...after, cleared: clear, by, reason, at };
      return accept([{ type: 'QueueSteered', data }], 'changed');
    },
  };

/** The steering after a step. */
export function steeredBy(
  { revision: before, clearedRevision }: Steering,
  { data, revision: at }: QueueSteered & AtRevision,
): Steering {
  const revision = at === undefined ? before + 1 : Number(at);
  const { admittedMax, perMinute, paused, draining, cleared } = data;
  const lastCleared = cleared ? revision : clearedRevision;
  return { revision, admittedMax, perMinute, paused, draining, clearedRevision: lastCleared };
}
