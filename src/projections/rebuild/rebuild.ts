import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import type { EventStore } from '../../commands/event-store.ts';
import { streamPrefixes } from '../../events/streams.ts';
import { Backlog } from '../backlog.ts';
import { type Checkpoint, TablesOutdated } from '../checkpoint.ts';
import { type LogReader, readLog } from '../log-reader.ts';
import { isBefore } from '../progress.ts';
import type { Projection } from '../projection.ts';
import { Wake } from '../wake.ts';
import { compareTables, type Difference } from './compare.ts';
import { checkParked, holdLive, liveVersions, readLive, swap } from './live.ts';
import { Pace, type PaceLimits, paceDefaults } from './pace.ts';
import {
  type Built,
  dropBuild,
  enterBuild,
  finishTables,
  prepareBuild,
  writeBuild,
} from './shadow.ts';

/** Bounds of a rebuild. */
export interface RebuildLimits extends PaceLimits {
  /** Events of one transaction. Default 10,000. */
  readonly batchEventsMax: number;
  /** Rows of one transaction, unless one event alone changes more. Default 50,000. */
  readonly batchRowsMax: number;
  /** While fewer events than half a transaction wait, more are waited for, up to this. Default 50. */
  readonly gatherMs: number;
  /** The live tables' writer waits for at most this long while the new ones come to its position. Default 1,000. */
  readonly holdMsMax: number;
  /** The live tables cannot be held still, or locked, this often: it fails. Default 100, about four minutes. */
  readonly holdAttemptsMax: number;
  /** The log gives nothing for this long while something is missing: it fails. Default 60,000. */
  readonly silentMsMax: number;
}

export const rebuildDefaults: RebuildLimits = {
  ...paceDefaults,
  batchEventsMax: 10_000,
  batchRowsMax: 50_000,
  gatherMs: 50,
  holdMsMax: 1_000,
  holdAttemptsMax: 100,
  silentMsMax: 60_000,
};

/** Most of the way is filled at a pace that leaves room for buyers, this often: what came meanwhile is less each time. */
const pacedFills = 3;

/** Between two attempts to hold the live tables still, in ms: so much longer each time, and at most. */
const retryMs = 100;
const retryMsMax = 3_000;

export interface RebuildProgress {
  readonly step: 'filling' | 'indexing' | 'comparing' | 'swapping';
  /** Events in the new tables; those that a killed rebuild left are among them. */
  readonly events: number;
  readonly position: bigint | null;
  /** Where the live tables are. */
  readonly target: bigint | null;
}

export interface RebuildOptions {
  readonly eventStore: Pick<EventStore, 'subscribe' | 'head'>;
  /** Three connections are used; statements may take minutes. */
  readonly pool: Pool;
  /** Those to build. */
  readonly projections: readonly Projection[];
  /** Compare only; the new tables are dropped afterwards. */
  readonly dryRun: boolean;
  /** Cancels it: nothing is left of it. */
  readonly signal: AbortSignal;
  onProgress(progress: RebuildProgress): void;
  onDifference(difference: Difference): void;
  /** The log could not be read for a moment. */
  onTrouble(error: unknown): void;
  readonly limits?: Partial<RebuildLimits>;
}

export interface RebuildResult {
  readonly events: number;
  /** Those that a rebuild that was killed had left: they were not read again. */
  readonly eventsFound: number;
  readonly differences: number;
  /** Projections whose live tables are of an older version, or not there: their rows were not compared. */
  readonly renewed: readonly string[];
  readonly position: bigint | null;
  readonly swapped: boolean;
}

/**
 * Builds projections' tables anew from the log beside the live ones, compares them row by row at the same position and
 * puts them in their place. The live ones are read and written all the while. Killed, it goes on from where it was when
 * it is run again; cancelled, or failed for a reason that running it again does not help, it leaves nothing.
 * Tables of a newer version of a projection than the live ones take their place in the same way, without a comparison.
 * @throws what made it fail; TablesOutdated when the live ones are the newer; what the signal was aborted with
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
    // Closing them ends what they had open and gives the lock back.
    for (const client of clients) client.release(true);
  }
}

/** Ends what the connections still do, then drops the new tables. */
async function discard(pool: Pool, clients: PoolClient[]): Promise<void> {
  const pids = clients.map((client) => (client as unknown as { processID: number }).processID);
  const client = await pool.connect();
  clients.push(client);
  await client.query('SELECT pg_terminate_backend(pid, 5000) FROM unnest($1::integer[]) AS pid', [
    pids,
  ]);
  await enterBuild(client);
  await dropBuild(client);
}

class Rebuild {
  private readonly options: RebuildOptions;
  private readonly limits: RebuildLimits;
  private readonly live: string;
  private readonly writer: PoolClient;
  private readonly holder: PoolClient;
  private readonly comparer: PoolClient;
  /** Called when there is something to write; a cancelled run is not waited for. */
  private readonly wake = new Wake();
  private readonly backlog: Backlog;
  private readonly pace: Pace;
  private reader: LogReader | undefined;
  private caughtUp = false;
  private built: Built = { position: null, eventPosition: null, events: 0 };
  private target: bigint | null = null;
  private lastStepMs = performance.now();
  /** The one thing that is not cut short: it takes a moment, and its outcome must be known. */
  private isSwapping = false;

  constructor(
    options: RebuildOptions,
    live: string,
    writer: PoolClient,
    holder: PoolClient,
    comparer: PoolClient,
  ) {
    this.options = options;
    this.limits = { ...rebuildDefaults, ...options.limits };
    this.live = live;
    this.writer = writer;
    this.holder = holder;
    this.comparer = comparer;
    this.backlog = new Backlog({
      stepsMax: 2 * this.limits.batchEventsMax,
      rowsMax: 2 * this.limits.batchRowsMax,
    });
    this.pace = new Pace(
      this.limits,
      async () => (await readLive(this.writer, this.live)).eventPosition,
    );
  }

  /** Does running it again not help? */
  get isHopeless(): boolean {
    return this.reader?.failure !== undefined;
  }

  /** Settles as the run does, or rejects at once when it is cancelled, whatever PostgreSQL is busy with. */
  async unlessCancelled<T>(done: Promise<T>): Promise<T> {
    const { signal } = this.options;
    let cancel = () => {};
    const cancelled = new Promise<never>((_, reject) => {
      cancel = () => {
        if (!this.isSwapping) reject(signal.reason);
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
    const { projections, dryRun } = this.options;
    try {
      this.checkCancelled();
      const same = await this.ofSameVersion();
      if (!dryRun) await checkParked(this.writer, this.live, projections);
      const through = await readLive(this.writer, this.live);
      this.built = await prepareBuild(this.writer, this.live, projections, through.position);
      const eventsFound = this.built.events;
      this.reader = this.read();
      await this.fillTo(through, { paced: true });
      for (let fill = 1; fill < pacedFills; fill += 1) {
        await this.fillTo(await readLive(this.writer, this.live), { paced: true });
      }
      this.tell('indexing');
      await finishTables(this.writer, this.live, projections);
      const differences = await this.compare(same);
      const renewed = projections.filter((one) => !same.includes(one)).map(({ name }) => name);
      if (dryRun) await dropBuild(this.writer);
      else await this.swap(differences > 0 || renewed.length > 0);
      const { events, position } = this.built;
      return { events, eventsFound, differences, renewed, position, swapped: !dryRun };
    } finally {
      await this.reader?.stop();
    }
  }

  /** Those whose live tables can be compared. @throws TablesOutdated rather than put older tables in place */
  private async ofSameVersion(): Promise<readonly Projection[]> {
    const live = await liveVersions(this.writer, this.live);
    return this.options.projections.filter(({ name, version }) => {
      const found = live.get(name);
      if (found !== undefined && found > version) {
        throw new TablesOutdated(`${name} has version ${found}, not ${version}`);
      }
      return found === version;
    });
  }

  private read(): LogReader {
    const { eventStore, projections, signal, onTrouble } = this.options;
    return readLog({
      eventStore,
      projections,
      after: this.built.position,
      prefixes: streamPrefixes,
      backlog: this.backlog,
      signal,
      retryMsMax: 1_000,
      parksUnreadable: false,
      onStep: () => {
        if (this.caughtUp || this.isBatchReady || this.isHopeless) this.wake.call();
      },
      onCaughtUp: () => {
        this.caughtUp = true;
        this.wake.call();
      },
      onTrouble,
    });
  }

  private get isBatchReady(): boolean {
    return this.backlog.isFull || this.backlog.size >= this.limits.batchEventsMax / 2;
  }

  private tell(step: RebuildProgress['step']): void {
    const { events, position } = this.built;
    this.options.onProgress({ step, events, position, target: this.target });
  }

  private checkCancelled(): void {
    this.options.signal.throwIfAborted();
  }

  /**
   * Is everything up to a checkpoint of the live tables in the new ones? Between its last event and its position the
   * log has none of ours, which history's end confirms.
   */
  private isAt({ position, eventPosition }: Checkpoint): boolean {
    if (this.backlog.oldest !== undefined && !isBefore(position, this.backlog.oldest.position)) {
      return false;
    }
    if (!isBefore(this.built.position, position)) return true;
    return this.caughtUp && !isBefore(this.built.eventPosition, eventPosition);
  }

  /** Writes what the log has up to a checkpoint, and nothing after it. */
  private async fillTo(
    checkpoint: Checkpoint,
    {
      deadlineMs = Number.POSITIVE_INFINITY,
      paced = false,
    }: { deadlineMs?: number; paced?: boolean } = {},
  ): Promise<void> {
    this.target = checkpoint.position;
    this.lastStepMs = performance.now();
    const atOnce = deadlineMs < Number.POSITIVE_INFINITY;
    for (let gathered = atOnce; !this.isAt(checkpoint); ) {
      this.checkCancelled();
      if (gathered || this.caughtUp || this.isBatchReady) {
        gathered = atOnce;
        const fromMs = performance.now();
        const eventsBefore = this.built.events;
        if (await this.writeSome(checkpoint.position, paced)) {
          this.tell('filling');
          if (paced) {
            const events = this.built.events - eventsBefore;
            await delay(await this.pace.restMs(events, performance.now() - fromMs));
          }
          continue;
        }
      }
      if (this.reader?.failure !== undefined) throw this.reader.failure;
      const silentMs = performance.now() - this.lastStepMs;
      if (silentMs > this.limits.silentMsMax) throw new Error('the event store gives no events');
      if (performance.now() > deadlineMs) throw new NotYet();
      await this.wake.wait(this.limits.gatherMs);
      gathered = true;
    }
  }

  /** Writes one batch. @returns false when there is nothing up to that position */
  private async writeSome(through: bigint | null, paced: boolean): Promise<boolean> {
    const { batchEventsMax, batchRowsMax } = this.limits;
    const eventsMax = paced ? this.pace.batchEventsMax(batchEventsMax) : batchEventsMax;
    const first = this.backlog.first(eventsMax, batchRowsMax);
    const batch = first.filter(({ position }) => !isBefore(through, position));
    const last = batch.at(-1);
    if (last === undefined) return false;
    this.built = await writeBuild(this.writer, this.built, batch);
    this.backlog.takeThrough(last.position);
    this.lastStepMs = performance.now();
    return true;
  }

  /**
   * Runs `work` while both the live and the new tables are at one position, committed, and stay there. It comes close
   * before it holds the writer of the live ones up. `work` ends the holder's transaction or leaves it to be undone.
   */
  private async atOnePosition<T>(work: (at: Checkpoint) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      await this.fillTo(await readLive(this.writer, this.live));
      this.checkCancelled();
      try {
        const at = await holdLive(this.holder, this.live);
        await this.fillTo(at, { deadlineMs: performance.now() + this.limits.holdMsMax });
        if (isBefore(at.position, this.built.position)) throw new WentBack();
        return await work(at);
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (attempt === this.limits.holdAttemptsMax) throw new InUse(error);
      } finally {
        await this.holder.query('ROLLBACK').catch(() => {});
      }
      await delay(Math.min(retryMsMax, attempt * retryMs));
    }
  }

  /** @returns how many rows differ */
  private async compare(projections: readonly Projection[]): Promise<number> {
    if (projections.length === 0) return 0;
    await this.atOnePosition(async () => {
      await this.comparer.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      // The first statement takes the snapshot. One processor is enough for who has time.
      await this.comparer.query('SELECT 1; SET LOCAL max_parallel_workers_per_gather TO 0');
    });
    this.tell('comparing');
    let differences = 0;
    for await (const one of compareTables(this.comparer, this.live, projections)) {
      differences += 1;
      this.options.onDifference(one);
    }
    await this.comparer.query('COMMIT');
    return differences;
  }

  private async swap(changed: boolean): Promise<void> {
    const { projections } = this.options;
    this.tell('swapping');
    await this.atOnePosition(async (at) => {
      this.checkCancelled();
      this.isSwapping = true;
      await swap(this.holder, this.live, projections, at, changed).finally(() => {
        this.isSwapping = false;
      });
    });
  }
}

/** The new tables did not come to the live ones' position in time. */
class NotYet extends Error {
  constructor() {
    super('the log does not yet give what the live tables have');
    this.name = 'NotYet';
  }
}

/** Others kept the live tables busy for too long. */
class InUse extends Error {
  constructor(cause: unknown) {
    super(
      `the live tables were in use all the time (${(cause as Error).message}): ` +
        'let what reads them at length end, and run it again',
      { cause },
    );
    this.name = 'InUse';
  }
}

/** The live tables were emptied or exchanged meanwhile. */
class WentBack extends Error {
  constructor() {
    super('the live tables went back while new ones were built: run it again');
    this.name = 'WentBack';
  }
}

/** Worth another attempt: PostgreSQL's `lock_not_available`, or the log was late. */
const isBusy = (error: unknown): boolean =>
  error instanceof NotYet || (error as { code?: unknown }).code === '55P03';
