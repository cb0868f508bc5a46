import type { FairUse } from '../commands/hold-limit/hold-limit.ts';
import { payingMs, soldKeptMs } from '../commands/hold-limit/hold-limit.ts';

/** The rules in the form that both implementations use: one number per rule. */
export interface HoldRules {
  readonly heldMax: number;
  readonly heldTotalMax: number;
  /** -1 for none. */
  readonly boughtMax: number;
  readonly holdMs: number;
  readonly againMs: number;
  /** How long paid seats are kept, in milliseconds; 0 without a rule for them. */
  readonly soldMs: number;
  /** How long ended holds are kept, in milliseconds. */
  readonly keptMs: number;
}

/** A number that is larger than the seats of any user. */
const unlimited = 1_000_000_000;

/** @param rules a number is the limit of seats of one session; then there is no other rule */
export function holdRules(rules: FairUse | number): HoldRules {
  const given: FairUse = typeof rules === 'number' ? { heldMax: rules } : rules;
  const { heldMax, heldTotalMax = unlimited, boughtMax = -1, holdMs = 0, againMs = 0 } = given;
  return {
    heldMax,
    heldTotalMax,
    boughtMax,
    holdMs,
    againMs,
    soldMs: boughtMax >= 0 ? soldKeptMs : 0,
    keptMs: Math.max(againMs, boughtMax >= 0 ? payingMs : 0),
  };
}

/** The rule's limit, for the refusal. */
export function maxOf(rules: HoldRules, rule: 'session' | 'total' | 'bought' | 'again'): number {
  switch (rule) {
    case 'session':
      return rules.heldMax;
    case 'total':
      return rules.heldTotalMax;
    case 'bought':
      return rules.boughtMax;
    case 'again':
      return rules.againMs;
  }
}
