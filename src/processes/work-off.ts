import { backoffMs } from '../support/backoff.ts';
import { eachLimited } from '../support/concurrency.ts';
import { within } from '../support/time-limit.ts';
import { type ProcessParts, repeat } from './repeat.ts';

/** The largest number of items that one round reads and works on. */
const roundMax = 500;
/**
 * After its first failure, an item is left out for this long, in milliseconds. This time doubles
 * with each further failure, up to a limit.
 */
const againMs = 1_000;
const againMsMax = 300_000;
/** The same for an item that is done but still in the list, because read models may be late. */
const doneMs = 15_000;
/**
 * The largest number of remembered items that are left out. If there are more, the oldest are tried
 * again early.
 */
const passedOverMax = 100_000;
/** Failures of one round that are reported separately. The others are only counted. */
const reportsMax = 5;

export interface WorkList<Item> {
  /** Named in errors. */
  readonly what: string;
  /**
   * Unfinished work from an offset of the list, most urgent first. It comes from a read model,
   * which may be late.
   */
  readonly list: (limit: number, offset: number) => Promise<readonly Item[]>;
  readonly keyOf: (item: Item) => string;
  /** @returns whether the item is done. If not, or if this throws, the item is tried again */
  readonly work: (item: Item) => Promise<boolean>;
  /** Items worked on at the same time. */
  readonly concurrencyMax: number;
  /** Pause between looks at the list, in milliseconds. */
  readonly idleMs: number;
  /**
   * An item may delay others for this long, in milliseconds. Then it is left out until it has
   * ended. Default 15,000.
   */
  readonly itemMsMax?: number;
}

/** Why an item is left out. */
interface PassedOver {
  /** The end, by `performance.now()`; infinite while the item is being worked on. */
  untilMs: number;
  /** How often it has failed, or was found done. */
  times: number;
  /** The last pass through the list that found it. */
  walk: number;
  isDone: boolean;
}

/**
 * Works off a durable list until the signal aborts. Items are independent of each other. If an item
 * fails or hangs, this is reported once, and the item is left out for longer and longer. The others
 * continue. Each round takes the next part of the list. After the end of the list, it begins again.
 * So even if many items at the start always fail, the later ones get their turn. It remembers the
 * listed items that are left out, up to a bound. Any number of instances may work off the same
 * list.
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
    // A processed item will soon leave the list. If it does not, the next round finds it and
    // ignores it.
    offset = isEnd ? 0 : offset + items.length - fresh.length;
    if (isEnd) walk += 1;
    forgetSome(passedOver, walk);
    return fresh.length > 0 || (!isEnd && isLate) ? 'more' : 'idle';
  };

  return repeat(what, round, parts);
}

/**
 * Forgets items that are no longer in the list, and the oldest ones if there are too many. It keeps
 * items that are being worked on.
 */
function forgetSome(passedOver: Map<string, PassedOver>, walk: number): void {
  let tooMany = passedOver.size - passedOverMax;
  for (const [key, why] of passedOver) {
    if (why.untilMs === Number.POSITIVE_INFINITY) continue;
    // An item may have moved up in the list during the pass. Then the pass may have missed it once.
    if (tooMany > 0 || why.walk < walk - 2) passedOver.delete(key);
    tooMany -= 1;
  }
}

function leave(why: PassedOver, firstMs: number): void {
  const left = backoffMs(why.times, { firstMs, maxMs: againMsMax, randomShare: 0 });
  why.untilMs = performance.now() + left;
  why.times += 1;
}
