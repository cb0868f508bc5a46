import { eachLimited, type ProcessParts, repeat } from './repeat.ts';

/** Items worked on in one round. */
const roundMax = 500;
/**
 * Items passed over at the same time that more are read for: with more than so many that fail or hang at the list's head, those
 * behind them wait.
 */
const passedOverMax = 5_000;
/** An item that failed is passed over for this long, in milliseconds. */
const againMs = 1_000;
/** Failures of one round that are reported one by one; the others are counted. */
const reportsMax = 5;

export interface WorkList<Item> {
  /** Named in errors. */
  readonly what: string;
  /** What is to be done, the most urgent first: a read model's list, which may be late. */
  readonly list: (limit: number) => Promise<readonly Item[]>;
  readonly keyOf: (item: Item) => string;
  /** @returns whether it is done; it is tried again otherwise, as it is when this throws */
  readonly work: (item: Item) => Promise<boolean>;
  /** Items worked on at the same time. */
  readonly concurrencyMax: number;
  /** Pause between looks at the list, in milliseconds. */
  readonly idleMs: number;
  /** An item holds up others for this long at most, in milliseconds; then it is passed over until it has ended. Default 15,000. */
  readonly itemMsMax?: number;
}

/**
 * Works off a durable list until the signal aborts. Items know nothing of each other: one that fails or hangs is reported and
 * passed over, the others go on. Any number of instances may work off the same list.
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
  /** Done, though the list does not show it yet; still under way; or when to try again, by `performance.now()`. */
  const passedOver = new Map<string, 'done' | 'under way' | number>();
  let failures = 0;
  const report = (key: string, error: unknown) => {
    failures += 1;
    if (failures <= reportsMax) parts.onError(`${what}: ${key}`, error);
  };

  const attend = async (item: Item) => {
    const key = keyOf(item);
    passedOver.set(key, 'under way');
    const ended = work(item).then(
      (isDone) => passedOver.set(key, isDone ? 'done' : performance.now() + againMs),
      (error) => {
        passedOver.set(key, performance.now() + againMs);
        report(key, error);
      },
    );
    if (!(await endsWithin(itemMsMax, ended)))
      report(key, new Error(`not over in ${itemMsMax} ms`));
  };

  const round = async () => {
    failures = 0;
    const items = await list(roundMax + Math.min(passedOver.size, passedOverMax));
    const listed = new Set(items.map(keyOf));
    for (const [key, why] of passedOver) {
      const isOver =
        why === 'done' ? !listed.has(key) : why !== 'under way' && why <= performance.now();
      if (isOver) passedOver.delete(key);
    }
    const fresh = items.filter((item) => !passedOver.has(keyOf(item))).slice(0, roundMax);
    await eachLimited(fresh, concurrencyMax, attend);
    if (failures > reportsMax) {
      parts.onError(what, new Error(`${failures - reportsMax} more of ${fresh.length} failed`));
    }
    return fresh.length === roundMax ? 'more' : 'idle';
  };
  return repeat(what, round, parts);
}

async function endsWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
