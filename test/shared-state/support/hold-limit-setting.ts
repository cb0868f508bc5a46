import type { FairUse, HoldLimit } from '../../../src/commands/hold-limit/hold-limit.ts';

/** A limit of its own that counts nothing yet. */
export type OpenHoldLimit = (
  rules: FairUse | number,
  now: () => number,
) => Promise<{ limit: HoldLimit; close(): Promise<void> }>;

export const heldMax = 4;
export const holdMs = 300_000;
export const holder = { userId: 'u', sessionId: 's' };
export const seats = (...numbers: number[]): string[] => numbers.map((n) => `A-1-${n}`);

/** All rules at once. */
export const rules = {
  heldMax,
  heldTotalMax: 6,
  boughtMax: 5,
  holdMs,
  againMs: 120_000,
} as const satisfies FairUse;
