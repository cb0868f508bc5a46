import { requestOverMs } from '../commands/deadline.ts';
import type { ProcessParts } from './repeat.ts';
import { workOff } from './work-off.ts';

/** Pause between looks for what was left half way, in milliseconds. */
const idleMs = 1_000;
/** Items finished at the same time. */
const concurrencyMax = 8;

/**
 * Finishes or undoes what a crash left between two appends: looks in a read model for what waits too long, and has the
 * command side bring it to its end, which says by the streams what that is. Any number of instances may do it.
 */
export function finishLeftOver<Item>({
  left,
  finish,
  now,
  ...parts
}: ProcessParts & {
  /** Named in errors. */
  readonly what: string;
  /** What waits since `sinceMs` or longer, oldest first. */
  readonly left: (sinceMs: number, limit: number, offset: number) => Promise<readonly Item[]>;
  readonly keyOf: (item: Item) => string;
  /** @returns whether it is finished; it is tried again otherwise */
  readonly finish: (item: Item) => Promise<boolean>;
  readonly now: () => number;
}): Promise<void> {
  return workOff({
    list: (limit, offset) => left(now() - requestOverMs, limit, offset),
    work: finish,
    concurrencyMax,
    idleMs,
    ...parts,
  });
}
