import { AssertionError } from 'node:assert';
import assert from 'node:assert/strict';
import type { PoolClient } from 'pg';
import { ForeignStreams } from '../../commands/core/foreign-streams.ts';
import { isBefore } from '../../events/log-position.ts';
import { streamPrefixes } from '../../events/streams.ts';
import { quick } from '../../infrastructure/postgres.ts';
import { randomized } from '../../support/backoff.ts';
import { pause } from '../../support/pause.ts';
import { ParkedStreams, TooManyParked } from '../parking/parked-streams.ts';
import type { CommitListener, Projector, ReadSideStatus } from '../projector.ts';
import { leaderLock } from './advisory-locks.ts';
import { Backlog } from './backlog.ts';
import { BatchWriter } from './batch-writer.ts';
import {
  type Checkpoint,
  checkpointChannel,
  placeAt,
  readCheckpoint,
  replacedChannel,
  TablesOutdated,
} from './checkpoint.ts';
import { EngineReport } from './engine-report.ts';
import { type LogReader, readLog } from './log-reader.ts';
import { Mode } from './mode.ts';
import {
  assertLimits,
  type ProjectorLimits,
  type ProjectorOptions,
  projectorDefaults,
} from './options.ts';
import { Progress } from './progress.ts';
import { Wake } from './wake.ts';

/**
 * Keeps the projections' tables up to date with the log. Every instance reads the log, and computes
 * the row changes of each event. The instance with the leader lock writes the tables, with one
 * transaction per batch. The others wait until the checkpoint has passed an event. `mode.ts` has
 * the modes of an instance and how it changes between them.
 *
 * The checkpoint moves in the transaction of its batch and is a fence. So the lock only saves work.
 * One rule covers every case, including a lost connection and an unclear commit. Events at or
 * before the checkpoint are committed. All other events of the log must still be written.
 */
export function runProjections(options: ProjectorOptions): Projector {
  return new Engine(options);
}

class Engine implements Projector {
  readonly done: Promise<void>;
  readonly #options: ProjectorOptions;
  readonly #limits: ProjectorLimits;
  readonly #mode = new Mode();
  readonly #backlog: Backlog;
  readonly #wake = new Wake();
  readonly #progress: Progress;
  readonly #writer: BatchWriter;
  readonly #report = new EngineReport();
  readonly #foreign: ForeignStreams;
  #reader: LogReader | undefined;
  /** The generation of the tables that the listeners know. */
  #generation: number | undefined;
  /** Was there a notification since the checkpoint was last read? */
  #isCheckpointOld = true;

  constructor(options: ProjectorOptions) {
    this.#options = options;
    this.#limits = { ...projectorDefaults, ...options.limits };
    assertLimits(this.#limits);
    const { logger, now = Date.now } = options;
    this.#backlog = new Backlog({
      stepsMax: this.#limits.backlogEventsMax,
      rowsMax: this.#limits.backlogRowsMax,
    });
    this.#foreign = new ForeignStreams(options.eventStore, (facts) =>
      logger.warn(facts, 'projections: events on streams of other programs are ignored'),
    );
    this.#writer = new BatchWriter(options, this.#limits, this.#backlog);
    this.#progress = new Progress({ mode: this.#mode, backlog: this.#backlog, logger, now });
    options.signal.addEventListener('abort', () => this.#wake.call(), { once: true });
    this.done = this.#run();
  }

  listen(listener: CommitListener): void {
    this.#progress.listen(listener);
  }

  listenersAreFresh(): boolean {
    return this.#progress.isFresh();
  }

  reached(position: bigint, timeoutMs: number): Promise<boolean> {
    return this.#progress.reached(position, timeoutMs);
  }

  status(): ReadSideStatus {
    return this.#progress.status();
  }

  async #run(): Promise<void> {
    const { pool, signal } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#withClient(await pool.connect());
      } catch (error) {
        if (error instanceof TablesOutdated) {
          this.#progress.forgetTables();
          if (await this.#renewed(error)) continue;
          break;
        }
        // This error is a bug, so a retry would not help.
        if (error instanceof AssertionError) this.#stop(error);
        else this.#progress.failed(error);
        await pause(randomized(this.#limits.retryMsMax, 0.9), signal);
      }
    }
    await this.#reader?.stop();
    this.#progress.end();
  }

  /**
   * If the tables are an older version's, waits until those of this version are built.
   * @returns false if this failed; then the engine has stopped
   */
  async #renewed(outdated: TablesOutdated): Promise<boolean> {
    const { renew, logger, signal } = this.#options;
    try {
      if (renew === undefined || outdated.toBuild.length === 0) throw outdated;
      const what = 'projections: new tables are built beside the old ones';
      logger.warn({ why: outdated.message }, what);
      // All steps that were read and shown before belong to the replaced tables.
      await this.#reader?.stop();
      this.#reader = undefined;
      this.#progress.resetListeners();
      if (this.#mode.isFollowing) this.#mode.build();
      await renew();
      if (!this.#mode.isStopped) this.#mode.follow();
      return true;
    } catch (error) {
      if (!signal.aborted) this.#stop(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }

  #stop(error: Error): void {
    if (this.#mode.isStopped) return;
    this.#progress.setFailure(error);
    this.#mode.stop();
    this.#options.logger.error({ err: error }, 'projections: stopped');
  }

  /**
   * Works with a connection until the engine or the connection ends. Nobody uses the connection
   * again. Closing it gives back the leader lock.
   */
  async #withClient(client: PoolClient): Promise<void> {
    let lost: Error | undefined;
    const onError = (error: Error) => {
      lost = error;
      this.#wake.call();
    };
    client.on('error', onError);
    client.on('notification', ({ channel }) => {
      if (channel === replacedChannel) this.#progress.resetListeners();
      // The leading instance has moved the checkpoint itself.
      else if (this.#mode.isLeading) return;
      this.#isCheckpointOld = true;
      this.#wake.call();
    });
    let failure: unknown;
    try {
      await client.query(`LISTEN ${checkpointChannel}; LISTEN ${replacedChannel}`);
      await this.#work(client, () => lost);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      if (this.#mode.isLeading) this.#mode.follow();
      client.removeAllListeners('notification');
      client.release(failure instanceof Error ? failure : true);
    }
  }

  async #work(client: PoolClient, lost: () => Error | undefined): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      if (!this.#mode.isLeading || this.#isCheckpointOld) await this.#follow(client);
      if (this.#mode.isLeading && (await this.#write(client))) continue;
      const failure = this.#reader?.failure;
      if (failure !== undefined && this.#backlog.size === 0) await this.#stopWith(client, failure);
      const { idleCheckpointMs, standbyPollMs } = this.#limits;
      await this.#wake.wait(this.#mode.isLeading ? idleCheckpointMs : standbyPollMs);
      const error = lost();
      if (error !== undefined) throw error;
    }
  }

  /** Stops, and gives the leader lock back, because another instance may have a newer version. */
  async #stopWith(client: PoolClient, error: Error): Promise<void> {
    const { isLeading } = this.#mode;
    this.#stop(error);
    if (!isLeading) return;
    await this.#report.write(client, this.status());
    await client.query(`SELECT pg_advisory_unlock(${leaderLock})`);
  }

  /**
   * Begins to lead if no other instance leads. Then it reads the checkpoint, and shows the
   * committed steps.
   */
  async #follow(client: PoolClient): Promise<void> {
    const leadsNow = this.#mode.isFollowing && (await this.#tryToLead(client));
    let { shown } = this.#progress;
    let checkpoint: Awaited<ReturnType<typeof readCheckpoint>>;
    do {
      this.#isCheckpointOld = false;
      // The shown position may advance during this query. Therefore compare with the position from
      // before it.
      shown = this.#progress.shown;
      checkpoint = await readCheckpoint(client, this.#options.projections);
    } while (this.#isCheckpointOld);
    const isReplaced = checkpoint.generation !== (this.#generation ?? checkpoint.generation);
    // Without a connection, this instance missed the notification.
    if (isReplaced) this.#progress.resetListeners();
    this.#generation = checkpoint.generation;
    this.#progress.parked = new ParkedStreams(checkpoint.parked);
    if (leadsNow && checkpoint.parked.length > 0) this.#options.onParkedSkips?.();
    const wentBack = isBefore(checkpoint.position, shown);
    const isOfOtherLog = isReplaced && this.#progress.isOfOtherLog;
    if (this.#reader === undefined || wentBack || isOfOtherLog) this.#startReading(checkpoint);
    this.#progress.advanceTo(checkpoint);
  }

  /** @returns whether this instance has the leader lock now */
  async #tryToLead(client: PoolClient): Promise<boolean> {
    const { rows } = await client.query<{ leads: boolean }>({
      text: `SELECT pg_try_advisory_lock(${leaderLock}) AS leads`,
      ...quick,
    });
    if (rows[0]?.leads !== true) return false;
    this.#mode.lead();
    this.#report.startAnew();
    this.#options.logger.debug({}, 'projections: this instance writes the read models');
    return true;
  }

  /** Writes the next batch. @returns false when there was none, or the engine has stopped */
  async #write(client: PoolClient): Promise<boolean> {
    await this.#writer.gather();
    await this.#report.write(client, this.status());
    // From here until the batch is sent, nothing is awaited, so the batch begins after the
    // checkpoint. A new leader may still read events that another instance has already written.
    this.#progress.showCommitted();
    const batch = this.#writer.next();
    if (batch.length === 0) return false;
    const { committed, parked } = this.#progress;
    assert(this.#generation !== undefined, 'a leader has read the checkpoint');
    const tables = { committed, parked, generation: this.#generation };
    try {
      const written = await this.#writer.write(client, batch, tables);
      if (written === undefined) return true;
      this.#report.count(written.events);
      this.#progress.advanceTo(written.checkpoint);
      return true;
    } catch (error) {
      if (!(error instanceof TooManyParked)) throw error;
      await this.#stopWith(client, error);
      return false;
    }
  }

  #startReading(checkpoint: Checkpoint): void {
    const { eventStore, logger, projections, signal } = this.#options;
    if (this.#reader !== undefined) {
      const position = checkpoint.position?.commit;
      logger.warn({ position }, 'projections: the tables went back, or are of another log now');
      void this.#reader.stop();
      this.#progress.resetListeners();
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
      onStep: () => {
        if (this.#mode.isLeading) this.#wake.call();
        else this.#progress.showCommitted();
      },
      onCaughtUp: (position) => this.#progress.caughtUp(position),
      onDiffers: (differs) => this.#progress.noteOtherLog(differs),
      onTrouble: (error) => logger.warn({ err: error }, 'projections: reading the log failed'),
    });
  }
}
