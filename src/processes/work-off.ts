import { backoffMs } from '../support/backoff.ts';
import { eachLimited } from '../support/concurrency.ts';
import { within } from '../support/time-limit.ts';
import { type ProcessParts, repeat } from './repeat.ts';

/** Items read, and so worked on at most, in one round. */
const roundMax = 500;
/**
 * An item that failed is passed over for this long the first time, and twice as long each time
 * after, up to a limit; in milliseconds.
 */
const againMs = 1_000;
const againMsMax = 300_000;
/** The same for an item that is done and listed still: read models may be late. */
const doneMs = 15_000;
/**
 * Items passed over that are remembered; with more, those from longest ago are tried again early.
 */
const passedOverMax = 100_000;
/** Failures of one round that are reported one by one; the others are counted. */
const reportsMax = 5;

export interface WorkList<Item> {
  /** Named in errors. */
  readonly what: string;
  /**
   * Unfinished work from an offset of the list on, the most urgent first. It comes from a read
   * model, which may lag.
   */
  readonly list: (limit: number, offset: number) => Promise<readonly Item[]>;
  readonly keyOf: (item: Item) => string;
  /** @returns whether it is done; it is tried again otherwise, as it is when this throws */
  readonly work: (item: Item) => Promise<boolean>;
  /** Items worked on at the same time. */
  readonly concurrencyMax: number;
  /** Pause between looks at the list, in milliseconds. */
  readonly idleMs: number;
  /**
   * An item holds up others for this long at most, in milliseconds; then it is passed over until it
   * has ended. Default 15,000.
   */
  readonly itemMsMax?: number;
}

/** Why an item is left alone. */
interface PassedOver {
  /** By `performance.now()`; for ever while it is under way. */
  untilMs: number;
  /** How often it was tried in vain, or was found done. */
  times: number;
  /** The last walk through the list that met it. */
  walk: number;
  isDone: boolean;
}

/**
 * Works off a durable list until the signal aborts. Items know nothing of each other: one that
 * fails or hangs is reported, once, and passed over for longer and longer; the others go on. The
 * list is walked through a round's length at a time, from its head again after its end: however
 * many at its head are hopeless, those behind them have their turn. What is remembered is what is
 * listed and passed over, up to a bound. Any number of instances may work off the same list.
 */
export function workOff<Item>({
  what,
  list,
  keyOf,
  work,
  concurrencyMax,
  itemMsMax = 15_000,
  ...parts
}: WorkList<Item> & ProcessParts): Promise<void> {
  const passedOver = new Map<string, PassedOver>();
  let walk = 1;
  let offset = 0;
  let failures = 0;
  const report = (key: string, error: unknown) => {
    failures += 1;
    if (failures <= reportsMax) parts.onError(`${what}: ${key}`, error);
  };

  const attend = async (item: Item) => {
    const key = keyOf(item);
    const why = passedOver.get(key) ?? { untilMs: 0, times: 0, walk, isDone: false };
    why.untilMs = Number.POSITIVE_INFINITY;
    passedOver.set(key, why);
    const failed = (error: unknown) => {
      if (why.times === 0) report(key, error);
      leave(why, againMs);
    };
    const ended = work(item).then(
      (isDone) => {
        why.isDone = isDone;
        leave(why, isDone ? doneMs : againMs);
      },
      (error) => failed(error),
    );
    await within(itemMsMax, ended, () => {
      if (why.times === 0) report(key, new Error(`not over in ${itemMsMax} ms`));
    });
  };

  const round = async () => {
    failures = 0;
    const items = await list(roundMax, offset);
    const nowMs = performance.now();
    let isLate = false;
    const fresh = items.filter((item) => {
      const why = passedOver.get(keyOf(item));
      if (why !== undefined) why.walk = walk;
      if (why?.isDone) isLate = true;
      return why === undefined || why.untilMs <= nowMs;
    });
    await eachLimited(fresh, concurrencyMax, attend);
    if (failures > reportsMax) {
      parts.onError(what, new Error(`${failures - reportsMax} more of ${fresh.length} failed`));
    }
    const isEnd = items.length < roundMax;
    // What was worked on is about to leave the list; if not, the next round finds it there and goes
    // past it.
    offset = isEnd ? 0 : offset + items.length - fresh.length;
    if (isEnd) walk += 1;
    forgetSome(passedOver, walk);
    return fresh.length > 0 || (!isEnd && isLate) ? 'more' : 'idle';
  };

  return repeat(what, round, parts);
}

/** Forgets what is not listed any more, and with too many the oldest; not what is under way. */
function forgetSome(passedOver: Map<string, PassedOver>, walk: number): void {
  let tooMany = passedOver.size - passedOverMax;
  for (const [key, why] of passedOver) {
    if (why.untilMs === Number.POSITIVE_INFINITY) continue;
    // What moved up in the list while it was walked through may have been missed once.
    if (tooMany > 0 || why.walk < walk - 2) passedOver.delete(key);
    tooMany -= 1;
  }
}

function leave(why: PassedOver, firstMs: number): void {
  const left = backoffMs(why.times, { firstMs, maxMs: againMsMax, randomShare: 0 });
  why.untilMs = performance.now() + left;
  why.times += 1;
}
