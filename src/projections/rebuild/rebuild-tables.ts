import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { eventsUpTo, isBefore } from '../../events/log-position.ts';
import { streamPrefixes } from '../../events/streams.ts';
import { type Checkpoint, placeAt } from '../engine/checkpoint.ts';
import { hasEvent } from '../engine/events-to-end.ts';
import { oldSchema } from '../engine/live-schema.ts';
import type { Projection } from '../models/projection.ts';
import { whoUses } from './blockers.ts';
import { compareTables } from './compare.ts';
import { canPass, InUse, WentBack } from './errors.ts';
import { Filling } from './filling.ts';
import { checkAllReplaced, checkParked, holdLive, ofSameVersion, readLive, swap } from './live.ts';
import {
  type RebuildLimits,
  type RebuildOptions,
  type RebuildResult,
  rebuildDefaults,
} from './options.ts';
import { dropBuild, enterBuild, finishTables, tableNames } from './shadow.ts';

/**
 * The number of slow fills before the last fill, which works at full speed. Each fill has less to
 * write than the one before.
 */
const pacedFills = 3;

/**
 * Pause between two attempts to hold the live tables, in ms. It grows by `retryMs`, up to
 * `retryMsMax`.
 */
const retryMs = 100;
const retryMsMax = 3_000;

/**
 * Rebuilds projections' tables from the log beside the live ones, compares them row by row at the
 * same position, and then replaces the live ones. Meanwhile, services can read and write the live
 * tables. If a rebuild was killed, the next run continues it. If it is cancelled, or fails with an
 * error for which another run does not help, it leaves nothing. In two cases it makes no
 * comparison: the new tables have a newer version than the live ones, or the live ones belong to
 * another log (also to this log before a restore).
 * @throws the error that made it fail; TablesOutdated if the live tables have a newer version; the
 * signal's abort reason
 */
export async function rebuild(options: RebuildOptions): Promise<RebuildResult> {
  const { pool } = options;
  const clients: PoolClient[] = [];
  const connect = async () => {
    const client = await pool.connect();
    clients.push(client);
    return client;
  };
  try {
    const [writer, holder, comparer] = [await connect(), await connect(), await connect()];
    const live = await enterBuild(writer);
    const run = new Rebuild(options, live, writer, holder, comparer);
    const done = run.run();
    try {
      return await run.unlessCancelled(done);
    } catch (error) {
      if (options.signal.aborted || run.isHopeless) await discard(pool, clients);
      await done.catch(() => {});
      throw error;
    }
  } finally {
    // Closing them ends their open transactions and gives the lock back.
    for (const client of clients) client.release(true);
  }
}

/** Ends the statements of the connections, then drops the new tables. */
async function discard(pool: Pool, clients: PoolClient[]): Promise<void> {
  const pids = clients.map(pidOf);
  const client = await pool.connect();
  clients.push(client);
  await client.query('SELECT pg_terminate_backend(pid, 5000) FROM unnest($1::integer[]) AS pid', [
    pids,
  ]);
  await dropBuild(client, await enterBuild(client));
}

/** The driver's types lack it. */
const pidOf = (client: PoolClient): number =>
  (client as PoolClient & { readonly processID: number }).processID;

class Rebuild {
  readonly #options: RebuildOptions;
  readonly #limits: RebuildLimits;
  readonly #live: string;
  readonly #writer: PoolClient;
  readonly #holder: PoolClient;
  readonly #comparer: PoolClient;
  #filling: Filling | undefined;
  /** A cancel does not interrupt the swap, because it is short and its result must be known. */
  #isSwapping = false;

  constructor(
    options: RebuildOptions,
    live: string,
    writer: PoolClient,
    holder: PoolClient,
    comparer: PoolClient,
  ) {
    this.#options = options;
    this.#limits = { ...rebuildDefaults, ...options.limits };
    this.#live = live;
    this.#writer = writer;
    this.#holder = holder;
    this.#comparer = comparer;
  }

  /** Does running it again not help? */
  get isHopeless(): boolean {
    return this.#filling?.isHopeless === true;
  }

  /**
   * Settles like the run. If it is cancelled, it rejects at once, even while PostgreSQL is busy.
   */
  async unlessCancelled<T>(done: Promise<T>): Promise<T> {
    const { signal } = this.#options;
    let cancel = () => {};
    const cancelled = new Promise<never>((_, reject) => {
      cancel = () => {
        if (!this.#isSwapping) reject(signal.reason);
      };
    });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await Promise.race([done, cancelled]);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  async run(): Promise<RebuildResult> {
    const options = this.#options;
    const limits = this.#limits;
    const writer = this.#writer;
    const live = this.#live;
    const { projections, dryRun, keepParked = false, signal } = options;
    signal.throwIfAborted();
    const same = await ofSameVersion(writer, live, projections);
    const readMs = performance.now();
    const through = await readLive(writer, live);
    const isOtherLog = !(await this.#isOfLog(through));
    if (isOtherLog) await checkAllReplaced(writer, live, projections);
    else if (!dryRun && !keepParked) await checkParked(writer, live, projections);
    const start = isOtherLog ? 'end' : through;
    const filling = await Filling.start(options, limits, writer, live, start, readMs);
    this.#filling = filling;
    try {
      const eventsFound = filling.built.events;
      await filling.fillTo(start, { paced: true });
      for (let fill = 1; fill < pacedFills && !isOtherLog; fill += 1) {
        await filling.fillTo(await readLive(writer, live), { paced: true });
      }
      const compared = isOtherLog ? [] : same;
      const differences = await this.#indexAndCompare(filling, compared);
      const renewed = projections.filter((one) => !compared.includes(one)).map(({ name }) => name);
      if (dryRun) await dropBuild(writer, live);
      else if (isOtherLog) await this.#exchange(filling);
      else await this.#swap(filling, differences > 0 || renewed.length > 0);
      const { events, position } = filling.built;
      return {
        events,
        eventsFound,
        differences,
        renewed,
        isOtherLog,
        position: position && eventsUpTo(position),
        keptStreams: filling.keptStreams,
        oldSchema: oldSchema(live),
        swapped: !dryRun,
      };
    } finally {
      await filling.stop();
    }
  }

  /** Does the log have the last event of the live tables? */
  #isOfLog(live: Checkpoint): Promise<boolean> {
    const { eventStore, signal } = this.#options;
    const mark = placeAt(live)?.event ?? null;
    return hasEvent(eventStore, mark, streamPrefixes, signal, this.#limits.silentMsMax);
  }

  /**
   * Runs `work` while the live and the new tables are at one position and stay there, committed.
   * The new tables first come close to it. Only then must the writer of the live ones wait. `work`
   * ends the holder's transaction, or leaves it for a rollback.
   */
  #atOnePosition<T>(filling: Filling, work: (at: Checkpoint) => Promise<T>): Promise<T> {
    return this.#retried(async () => {
      await filling.fillTo(await readLive(this.#writer, this.#live));
      this.#options.signal.throwIfAborted();
      const at = await holdLive(this.#holder, this.#live);
      await filling.fillTo(at, { deadlineMs: performance.now() + this.#limits.holdMsMax });
      if (isBefore(at.position, filling.built.position)) throw new WentBack();
      return await work(at);
    });
  }

  /** Tries again while that can help. After each attempt, the holder has no transaction. */
  async #retried<T>(attempt: () => Promise<T>): Promise<T> {
    for (let count = 1; ; count += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (!canPass(error)) throw error;
        if (count === this.#limits.holdAttemptsMax) throw await this.#inUse(error);
      } finally {
        await this.#holder.query('ROLLBACK').catch(() => {});
      }
      await delay(Math.min(retryMsMax, count * retryMs));
    }
  }

  /**
   * Makes the indexes of the new tables, and compares the rows: at the same time, unless buyers use
   * the service and need the other processors.
   * @param compared the projections whose rows are compared
   * @returns how many rows differ
   */
  async #indexAndCompare(filling: Filling, compared: readonly Projection[]): Promise<number> {
    const index = () => {
      filling.report('indexing');
      return finishTables(this.#writer, this.#live, this.#options.projections);
    };
    const { isBusy } = filling.pace;
    if (isBusy) await index();
    if (compared.length > 0) await this.#takeSnapshot(filling);
    const indexed = isBusy ? undefined : index();
    const differences = this.#compare(filling, compared);
    // Nobody closes a connection while the other one works.
    await Promise.allSettled([indexed, differences]);
    await indexed;
    return await differences;
  }

  /** Lets the comparer see the live and the new tables at one position. */
  #takeSnapshot(filling: Filling): Promise<void> {
    return this.#atOnePosition(filling, async () => {
      await this.#comparer.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      // The first statement takes the snapshot. The comparison is not urgent, so one processor is
      // enough.
      await this.#comparer.query('SELECT 1; SET LOCAL max_parallel_workers_per_gather TO 0');
    });
  }

  /** @returns how many rows differ */
  async #compare(filling: Filling, projections: readonly Projection[]): Promise<number> {
    if (projections.length === 0) return 0;
    filling.report('comparing');
    let differences = 0;
    for await (const one of compareTables(this.#comparer, this.#live, projections)) {
      differences += 1;
      this.#options.onDifference(one);
    }
    await this.#comparer.query('COMMIT');
    return differences;
  }

  async #swap(filling: Filling, differs: boolean): Promise<void> {
    const { keepParked = false } = this.#options;
    filling.report('swapping');
    await this.#atOnePosition(filling, async (at) => {
      this.#options.signal.throwIfAborted();
      await this.#replaceLive(at, { differs, keepParked });
    });
  }

  async #inUse(cause: unknown): Promise<InUse> {
    const own = [this.#writer, this.#holder, this.#comparer].map(pidOf);
    const tables = tableNames(this.#options.projections);
    return new InUse(cause, await whoUses(this.#writer, this.#live, tables, own).catch(() => ''));
  }

  /** Replaces the live tables at any position, because they belong to another log. */
  async #exchange(filling: Filling): Promise<void> {
    filling.report('swapping');
    await this.#retried(async () => {
      await filling.fillTo('end');
      this.#options.signal.throwIfAborted();
      await holdLive(this.#holder, this.#live);
      await this.#replaceLive(filling.built, { differs: true, keepParked: false });
    });
  }

  async #replaceLive(at: Checkpoint, how: Parameters<typeof swap>[4]): Promise<void> {
    this.#isSwapping = true;
    await swap(this.#holder, this.#live, this.#options.projections, at, how).finally(() => {
      this.#isSwapping = false;
    });
  }
}
