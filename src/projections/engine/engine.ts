import type { PoolClient } from 'pg';
import type { LogDiffers } from '../../commands/core/event-store.ts';
import { ForeignStreams } from '../../commands/core/foreign-streams.ts';
import { isBefore } from '../../events/log-position.ts';
import { streamPrefixes } from '../../events/streams.ts';
import { quick } from '../../infrastructure/postgres.ts';
import { randomized } from '../../support/backoff.ts';
import { pause } from '../../support/pause.ts';
import { describeEvent, type Step } from '../log-step.ts';
import { type ParkedStream, ParkedStreams, TooManyParked } from '../parking/parked-streams.ts';
import type { CommitListener, Projector, ReadSideStatus } from '../projector.ts';
import { leaderLock } from './advisory-locks.ts';
import { Backlog } from './backlog.ts';
import {
  type Checkpoint,
  checkpointChannel,
  placeAt,
  readCheckpoint,
  replacedChannel,
  TablesOutdated,
} from './checkpoint.ts';
import { EngineReport } from './engine-report.ts';
import { Listeners } from './listeners.ts';
import { type LogReader, readLog } from './log-reader.ts';
import { type ProjectorLimits, type ProjectorOptions, projectorDefaults } from './options.ts';
import { Progress } from './progress.ts';
import { BatchSize, RowsRefused } from './refused-rows.ts';
import { Wake } from './wake.ts';
import { writeBatch } from './write-batch.ts';

const otherLogAdvice =
  'Nothing is shown until the log has it again. Is POSTGRES_URL another log’s database, or does EVENTSTORE_URL name ' +
  'another store? If this log is the right one, as after a restore, run reprise rebuild: it makes the read models from it';

/**
 * Keeps the projections' tables up with the log. Every instance reads the log and knows what each event does to the
 * tables. The one that has the advisory lock writes it, a batch a transaction, and the checkpoint in the same
 * transaction is a fence, so the lock only saves work. The others wait until the checkpoint has passed. One rule serves
 * all, a lost connection and an unclear commit too: what is at or before the checkpoint is committed, the rest is to do.
 */
export function runProjections(options: ProjectorOptions): Projector {
  return new Engine(options);
}

class Engine implements Projector {
  readonly done: Promise<void>;
  readonly #options: ProjectorOptions;
  readonly #limits: ProjectorLimits;
  readonly #backlog: Backlog;
  readonly #wake = new Wake();
  readonly #progress: Progress;
  readonly #report = new EngineReport();
  readonly #listeners: Listeners;
  #reader: LogReader | undefined;
  readonly #foreign: ForeignStreams;
  readonly #batchSize: BatchSize;
  /** When the last transaction began. */
  #lastFlushMs = 0;
  /** Has this instance the lock? */
  #leads = false;
  /** And has not looked at what is parked since it got it. */
  #hasTakenLead = false;
  /** Of the tables that listeners know. */
  #generation: number | undefined;
  /** What is parked, as of the checkpoint last read. */
  #parked = new ParkedStreams();
  /** Times that we were told to read the checkpoint anew, and how many of them it was. */
  #told = 0;
  #looked = 0;

  constructor(options: ProjectorOptions) {
    this.#options = options;
    this.#limits = { ...projectorDefaults, ...options.limits };
    this.#listeners = new Listeners(options.logger);
    this.#backlog = new Backlog({
      stepsMax: this.#limits.backlogEventsMax,
      rowsMax: this.#limits.backlogRowsMax,
    });
    this.#foreign = new ForeignStreams(options.eventStore, (facts) =>
      options.logger.warn(
        facts,
        'projections: events on streams that are nobody’s are passed over',
      ),
    );
    this.#batchSize = new BatchSize(this.#limits.batchEventsMax);
    this.#progress = new Progress(this.#backlog, options.now ?? Date.now);
    options.signal.addEventListener('abort', () => this.#wake.call(), { once: true });
    this.done = this.#run();
  }

  listen(listener: CommitListener): void {
    this.#listeners.add(listener);
  }

  listenersAreFresh(): boolean {
    return this.#progress.isFresh();
  }

  reached(position: bigint, timeoutMs: number): Promise<boolean> {
    return this.#progress.reached(position, timeoutMs);
  }

  status(): ReadSideStatus {
    return { ...this.#progress.status(), parkedEvents: this.#parked.events };
  }

  async #run(): Promise<void> {
    const { pool, signal } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#withClient(await pool.connect());
      } catch (error) {
        if (error instanceof TablesOutdated) {
          this.#progress.forget();
          if (await this.#renewed(error)) continue;
          break;
        }
        this.#failed(error);
        await pause(randomized(this.#limits.retryMsMax, 0.9), signal);
      }
    }
    await this.#reader?.stop();
    this.#progress.end();
  }

  /** Has the tables of this version built when these are an older one's. @returns false when that failed: it has stopped */
  async #renewed(outdated: TablesOutdated): Promise<boolean> {
    const { renew, logger, signal } = this.#options;
    try {
      if (renew === undefined || outdated.toBuild.length === 0) throw outdated;
      logger.warn(
        { why: outdated.message },
        'projections: new tables are built beside the old ones',
      );
      // What was read and shown before is of tables that will be no more.
      await this.#reader?.stop();
      this.#reader = undefined;
      this.#listeners.reset();
      await this.#progress.whileBuilding(renew());
      return true;
    } catch (error) {
      if (!signal.aborted) this.#stopped(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }

  /** Logged once while it stays the same, however often it is tried again. */
  #failed(error: unknown): void {
    const before = this.#progress.status().error;
    this.#progress.failed(error);
    if (this.#progress.status().error === before) return;
    this.#options.logger.warn({ err: error }, 'projections: PostgreSQL failed, trying again');
  }

  #stopped(error: Error): void {
    if (this.#progress.isStopped) return;
    this.#progress.stop(error);
    this.#options.logger.error({ err: error }, 'projections: stopped');
  }

  /** Ends when the engine does. The connection is never used again: closing it gives the lock back. */
  async #withClient(client: PoolClient): Promise<void> {
    let lost: Error | undefined;
    const onError = (error: Error) => {
      lost = error;
      this.#wake.call();
    };
    client.on('error', onError);
    client.on('notification', ({ channel }) => {
      if (channel === replacedChannel) this.#replaced();
      // Who leads has written it.
      else if (!this.#leads) this.#lookAnew();
    });
    let failure: unknown;
    try {
      await client.query(`LISTEN ${checkpointChannel}; LISTEN ${replacedChannel}`);
      await this.#work(client, () => lost);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      this.#leads = false;
      client.removeAllListeners('notification');
      client.release(failure instanceof Error ? failure : true);
    }
  }

  async #work(client: PoolClient, lost: () => Error | undefined): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      if (!this.#leads || this.#looked !== this.#told) await this.#follow(client);
      if (this.#leads) await this.#pause();
      if (this.#leads) await this.#report.write(client, this.status());
      // Nothing is waited for from here until the batch is sent: meanwhile another instance might have written part of it.
      const batch = this.#leads ? this.#nextBatch() : [];
      if (batch.length > 0 && (await this.#commit(client, batch))) continue;
      if (this.#reader?.failure !== undefined && this.#backlog.size === 0) {
        this.#stopped(this.#reader.failure);
      }
      if (this.#leads && this.#progress.isStopped) await this.#stepDown(client);
      await this.#wake.wait(
        this.#leads ? this.#limits.idleCheckpointMs : this.#limits.standbyPollMs,
      );
      const error = lost();
      if (error !== undefined) throw error;
    }
  }

  /** Another instance may be of a newer version and able to go on. */
  async #stepDown(client: PoolClient): Promise<void> {
    await this.#report.write(client, this.status());
    await client.query(`SELECT pg_advisory_unlock(${leaderLock})`);
    this.#leads = false;
  }

  /** Takes the lead if nobody has it, and looks where the tables are. */
  async #follow(client: PoolClient): Promise<void> {
    if (!this.#leads && !this.#progress.isStopped) await this.#tryToLead(client);
    // Notifications may come between the question and its answer: compare with what was known before.
    const { shown } = this.#progress;
    const told = this.#told;
    const checkpoint = await readCheckpoint(client, this.#options.projections);
    if (told !== this.#told) return this.#follow(client);
    const isReplaced = checkpoint.generation !== (this.#generation ?? checkpoint.generation);
    // Without a connection the notification was missed.
    if (isReplaced) this.#listeners.reset();
    this.#generation = checkpoint.generation;
    this.#parked = new ParkedStreams(checkpoint.parked);
    if (this.#hasTakenLead && this.#parked.events > 0) this.#options.onParkedSkips?.();
    this.#hasTakenLead = false;
    this.#looked = told;
    const isOtherNow = isReplaced && this.#progress.isOfOtherLog;
    if (isBefore(checkpoint.position, shown) || isOtherNow) this.#startReading(checkpoint);
    else this.#heard(checkpoint);
  }

  async #tryToLead(client: PoolClient): Promise<void> {
    const { rows } = await client.query<{ leads: boolean }>({
      text: `SELECT pg_try_advisory_lock(${leaderLock}) AS leads`,
      ...quick,
    });
    this.#leads = rows[0]?.leads === true;
    if (this.#leads) {
      this.#hasTakenLead = true;
      this.#report.startAnew();
      this.#options.logger.debug({}, 'projections: this instance writes the read models');
    }
  }

  /** Lets a few more events come, unless a whole batch waits or nothing was written for a while. */
  async #pause(): Promise<void> {
    const leftMs = this.#limits.flushMsMin - (performance.now() - this.#lastFlushMs);
    if (leftMs > 0 && this.#backlog.size < this.#batchSize.max) await pause(leftMs);
  }

  /** What is next to write: nothing while there are no events and the checkpoint moved a moment ago. */
  #nextBatch(): readonly Step[] {
    // One that has just taken the lead may still be reading what another has written.
    this.#release();
    const batch = this.#backlog.first(this.#batchSize.max, this.#limits.batchRowsMax);
    const idle = performance.now() - this.#lastFlushMs > this.#limits.idleCheckpointMs;
    return idle || this.#batchSize.isReduced || batch.some(({ isEvent }) => isEvent) ? batch : [];
  }

  /** @returns false when nothing could be written, since no more events may be parked */
  async #commit(client: PoolClient, batch: readonly Step[]): Promise<boolean> {
    const { projections } = this.#options;
    const { parkedEventsMax } = this.#limits;
    const { steps, parked } = this.#parked.sort(batch, parkedEventsMax);
    if (steps.length === 0) {
      this.#stopped(new TooManyParked(parkedEventsMax, batch[0]?.event));
      return false;
    }
    const parks =
      parked.length === 0 ? undefined : { streams: parked, generation: this.#generation ?? 0 };
    this.#lastFlushMs = performance.now();
    const { committed } = this.#progress;
    try {
      const written = await writeBatch(client, projections, committed, steps, parks);
      this.#batchSize.written();
      this.#report.count(steps.filter(({ isEvent }) => isEvent).length);
      this.#tellParked(parked);
      this.#tellSkipped(steps);
      this.#heard(written);
    } catch (error) {
      if (!(error instanceof RowsRefused)) throw error;
      await client.query('ROLLBACK');
      this.#refused(steps, error);
    }
    return true;
  }

  /** Finds the event that PostgreSQL refuses the rows of: it is parked like one that cannot be read. */
  #refused(steps: readonly Step[], error: RowsRefused): void {
    const [one, ...others] = steps.filter(({ changes }) => changes.length > 0);
    if (one?.event === undefined) throw error;
    const why = `${describeEvent(one.event)}: ${error.message}`;
    if (others.length > 0) this.#batchSize.refused(steps.length);
    else this.#backlog.markUnreadable(one.event.id, why);
  }

  #tellParked(parked: readonly ParkedStream[]): void {
    for (const { stream, error } of parked) {
      if (this.#parked.has(stream)) continue;
      const what = 'projections: an event cannot be read, or written; its stream is parked';
      this.#options.logger.error({ stream, why: error }, what);
    }
    this.#parked.add(parked);
  }

  /** A stream may be parked by an event that is skipped by a later one of it, which was parked behind. */
  #tellSkipped(steps: readonly Step[]): void {
    const isSkip = ({ event }: Step) =>
      event?.skips !== undefined && this.#parked.has(event.stream);
    if (steps.some(isSkip)) this.#options.onParkedSkips?.();
  }

  /** The checkpoint and what is parked are to be read before anything else is shown. */
  #lookAnew(): void {
    this.#told += 1;
    this.#wake.call();
  }

  #replaced(): void {
    this.#listeners.reset();
    this.#lookAnew();
  }

  /** The tables are at this checkpoint: what is up to it can be shown. */
  #heard(checkpoint: Checkpoint): void {
    if (this.#reader === undefined) this.#startReading(checkpoint);
    this.#progress.heard(checkpoint);
    this.#release();
  }

  /** Tells listeners of what waits and is committed. */
  #release(): void {
    const { position } = this.#progress.committed;
    if (position === null) return;
    const steps = this.#backlog.takeThrough(position);
    if (this.#parked.firstUnreadable(steps) !== undefined) this.#listeners.reset();
    if (steps.length > 0) this.#listeners.tell(this.#parked.withoutParked(steps));
    this.#progress.show(steps);
  }

  /** Told once, and once when it is over: asking goes on. */
  #differs(differs: LogDiffers | undefined): void {
    const why = differs && `${differs.message}. ${otherLogAdvice}`;
    if (!this.#progress.differs(why)) return;
    const { logger } = this.#options;
    if (why === undefined) logger.warn({}, 'projections: the log is that of the read models again');
    else logger.error({ why }, 'projections: the log is not that of the read models');
  }

  #startReading(checkpoint: Checkpoint): void {
    const { eventStore, logger, projections, signal } = this.#options;
    const before = this.#reader;
    if (before !== undefined) {
      const position = checkpoint.position?.commit;
      logger.warn({ position }, 'projections: the tables went back, or are of another log now');
      void before.stop();
      this.#listeners.reset();
    }
    this.#backlog.startAfter(checkpoint.position);
    this.#progress.startAt(checkpoint);
    this.#reader = readLog({
      eventStore,
      foreign: this.#foreign,
      projections,
      after: placeAt(checkpoint),
      prefixes: streamPrefixes,
      backlog: this.#backlog,
      signal,
      retryMsMax: this.#limits.retryMsMax,
      onStep: () => (this.#leads ? this.#wake.call() : this.#release()),
      onCaughtUp: (position) => this.#progress.caughtUp(position),
      onDiffers: (differs) => this.#differs(differs),
      onTrouble: (error) => logger.warn({ err: error }, 'projections: reading the log failed'),
    });
  }
}
