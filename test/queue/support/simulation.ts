import { InProcessQueue } from '../../../src/queue/in-process-queue.ts';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import type { QueueMove } from '../../../src/queue/queue-log.ts';
import type { QueueSettings } from '../../../src/queue/waiting-queue.ts';
import { type OpenQueue, testSettings } from './times.ts';

/** A sale as it is in the settings' defaults. */
export const saleSettings: QueueSettings = {
  ...testSettings,
  admittedMax: 30,
  waitingMax: 1_000_000,
};

/** Who comes to a sale. Shares are from 0 to 1, times in milliseconds. */
export interface Crowd {
  readonly users: number;
  /** They arrive evenly within this. */
  readonly arriveWithinMs: number;
  /** From the admission to the payment, a quarter more or less by chance. */
  readonly journeyMs: number;
  /** Of those who are admitted: who never come to claim it. */
  readonly vanishAdmitted: number;
  /** Of all: who stop asking at some moment of the first `leaveWithinMs`, if they wait still. */
  readonly leaveWaiting: number;
  readonly leaveWithinMs: number;
  /** So many of them, the first to come, ask once and are gone. Default 0. */
  readonly ghosts?: number;
}

/** What a sale was like. Moments are milliseconds from its start. */
export interface Sale {
  readonly paidAt: readonly number[];
  readonly admittedAt: ReadonlyMap<number, number>;
  readonly polledAt: readonly number[];
  /** Estimates of those who were admitted later, with what the wait was. */
  readonly estimates: readonly { readonly saidMs: number; readonly trueMs: number }[];
  /** Polls that were told that nothing can be said. */
  readonly unsaid: number;
  /** Most that were inside at a poll. */
  readonly insideMax: number;
}

export interface SaleOptions {
  readonly seed?: number;
  readonly settings?: QueueSettings;
  readonly onMove?: (move: QueueMove) => void;
  /** Least and most time that a poll takes on its way, in milliseconds. Default 20 to 200. */
  readonly networkMs?: readonly [least: number, most: number];
  /** Another queue than the one in this process. */
  readonly open?: OpenQueue;
}

/** One user's next step. */
interface Step {
  readonly atMs: number;
  readonly run: () => Promise<void>;
}

/**
 * Runs a sale by a clock of its own: users ask as told, and go through their journey.
 * @param seed the same sale for the same number
 */
export async function runSale(
  crowd: Crowd,
  untilMs: number,
  { seed = 1, settings = saleSettings, networkMs = [20, 200], ...options }: SaleOptions = {},
): Promise<Sale> {
  const chance = mulberry32(seed);
  const steps = new Agenda();
  let nowMs = 0;
  const startMs = Date.UTC(2030, 0, 1);
  const now = () => startMs + nowMs;
  const { open = inThisProcess(chance, options.onMove) } = options;
  const { queue, close } = await open(settings, now);
  const sale = { paidAt: [] as number[], polledAt: [] as number[], unsaid: 0, insideMax: 0 };
  const admittedAt = new Map<number, number>();
  const said: Said[] = [];
  const inside = new Map<number, number>();
  const { ghosts = 0 } = crowd;
  const network = () => networkMs[0] + (networkMs[1] - networkMs[0]) * chance();

  const journey = (user: number, token: string) => {
    const ms = crowd.journeyMs * (0.75 + 0.5 * chance());
    const id = `u-${user}`;
    // The page shows the seats, and asks once more: that is the claim.
    steps.add(nowMs + Math.min(2_000, ms / 3), async () => {
      const { expiresAt } = await queue.poll(id);
      inside.set(user, expiresAt - startMs);
    });
    steps.add(nowMs + ms * 0.6, async () => {
      if ((await queue.authorize(id, token)) !== 'admitted') return;
      await queue.renew(id, 300_000);
    });
    steps.add(nowMs + ms, async () => {
      const authorization = await queue.authorize(id, token);
      if (authorization !== 'admitted' && authorization !== 'holding') return;
      sale.paidAt.push(nowMs);
      await queue.shorten(id);
      inside.set(user, Math.min(inside.get(user) ?? 0, nowMs + settings.afterPaymentMs));
    });
  };
  const poll = async (user: number, leavesAtMs: number) => {
    if (nowMs >= leavesAtMs) return;
    sale.polledAt.push(nowMs);
    const entry: QueueEntry = await queue.poll(`u-${user}`);
    if (entry.processing) {
      admittedAt.set(user, nowMs);
      inside.set(user, entry.expiresAt - startMs);
      for (const [other, endsAt] of inside) if (endsAt <= nowMs) inside.delete(other);
      sale.insideMax = Math.max(sale.insideMax, inside.size);
      if (user >= ghosts && chance() >= crowd.vanishAdmitted) journey(user, entry.token);
      return;
    }
    if (entry.estimatedWaitSeconds === null) sale.unsaid += 1;
    else said.push({ user, atMs: nowMs, saidMs: entry.estimatedWaitSeconds * 1_000 });
    steps.add(nowMs + entry.retryAfterMs + network(), () => poll(user, leavesAtMs));
  };
  for (let user = 0; user < crowd.users; user += 1) {
    const leaves = chance() < crowd.leaveWaiting;
    const stays = leaves ? chance() * crowd.leaveWithinMs : Number.POSITIVE_INFINITY;
    const leavesAtMs = user < ghosts ? 1 : stays;
    const arrivesAtMs = (user * crowd.arriveWithinMs) / crowd.users;
    steps.add(arrivesAtMs, () => poll(user, arrivesAtMs + leavesAtMs));
  }
  for (let step = steps.next(); step !== undefined && step.atMs < untilMs; step = steps.next()) {
    nowMs = Math.max(nowMs, Math.floor(step.atMs));
    await step.run();
  }
  await close();
  return { ...sale, admittedAt, estimates: estimatesOf(said, admittedAt) };
}

/** An estimate, as a user was told it. */
interface Said {
  readonly user: number;
  readonly atMs: number;
  readonly saidMs: number;
}

function estimatesOf(said: readonly Said[], admittedAt: ReadonlyMap<number, number>) {
  return said.flatMap(({ user, atMs, saidMs }) => {
    const at = admittedAt.get(user);
    return at === undefined || at - atMs < 1_000 ? [] : [{ saidMs, trueMs: at - atMs }];
  });
}

function inThisProcess(chance: () => number, onMove = (_: QueueMove): void => {}): OpenQueue {
  return async (settings, now) => {
    const queue = new InProcessQueue(settings, { now, chance, onMove });
    return { queue, close: () => queue.close() };
  };
}

/** Steps by time, the earliest first. */
class Agenda {
  readonly #heap: Step[] = [];

  add(atMs: number, run: () => Promise<void>): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push({ atMs, run });
    while (at > 0) {
      const above = (at - 1) >> 1;
      if ((heap[above] as Step).atMs <= atMs) break;
      heap[at] = heap[above] as Step;
      at = above;
    }
    heap[at] = { atMs, run };
  }

  next(): Step | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below + 1 < heap.length && (heap[below + 1] as Step).atMs < (heap[below] as Step).atMs)
        below += 1;
      if (below >= heap.length || (heap[below] as Step).atMs >= last.atMs) break;
      heap[at] = heap[below] as Step;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

/** Random numbers from 0 to 1 that are the same for the same seed. */
export function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
