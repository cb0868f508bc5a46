import { statfs } from 'node:fs/promises';
import { CommitGroup } from './commit-group.ts';
import type { CommittedEvent, EventLog } from './log.ts';
import { type RecentEvents, recentEvents } from './recent-events.ts';

/** A write that waits for its commit. */
export interface Write<Outcome> {
  /** Milliseconds since the Unix epoch; the append must not be written later. */
  readonly deadlineMs: number;
  /** Roughly what it occupies. */
  readonly bytes: number;
  /**
   * Decides. If the write is accepted, adds its events to the group. If it throws, only this write
   * fails.
   */
  decide(group: CommitGroup, nowMs: number): Outcome;
  /**
   * Called exactly once: when the write is durable, or when it is certain that it never will be.
   */
  done(result: WriteResult<Outcome>): void;
}

export type WriteResult<Outcome> =
  | { readonly kind: 'decided'; readonly outcome: Outcome }
  /**
   * There was no answer in time. Either the write was dropped, or the disk still works on it. In
   * the second case, its events may appear later.
   */
  | { readonly kind: 'timeout' }
  /** The disk refused the commit; nothing was written. */
  | { readonly kind: 'failed'; readonly reason: string };

/** The largest commit. Further waiting writes go into the next commit. */
const groupWritesMax = 2_048;
/**
 * If more writes than this wait, one commit takes only half of them. Then clients work on the
 * answers of the first half while the second half is written. With one commit, all clients would
 * wait at the same time.
 */
const groupWritesMin = 32;
const groupBytesMax = 4 * 1024 * 1024;
/** If more than this waits, `isFull` asks callers to wait. */
const queueBytesMax = 32 * 1024 * 1024;
const queueWritesMax = 20_000;
const timeoutCheckMs = 100;

type Result = WriteResult<unknown>;

interface Queued {
  readonly write: Write<unknown>;
  answered: boolean;
}

/**
 * The only writer. It takes the waiting writes, decides them in order, commits them as one group
 * and answers. Meanwhile, further writes wait for the next group. Only one commit runs at a time.
 * So no decision depends on a commit that may still fail.
 */
export class Writer {
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #inFlight: Queued[] = [];
  /** The running commits; undefined while no write waits. */
  #work: Promise<void> | undefined;
  #closed = false;
  #roomWaiters: (() => void)[] = [];
  readonly #log: EventLog;
  readonly #recent: RecentEvents;
  readonly #onCommit: (events: readonly CommittedEvent[]) => void;
  readonly #timer: NodeJS.Timeout;

  constructor(log: EventLog, onCommit: (events: readonly CommittedEvent[]) => void) {
    this.#log = log;
    this.#recent = recentEvents();
    this.#onCommit = onCommit;
    this.#timer = setInterval(() => this.#answerLate(), timeoutCheckMs);
    this.#timer.unref();
  }

  submit<Outcome>(write: Write<Outcome>): void {
    if (this.#closed) {
      write.done({ kind: 'failed', reason: 'the server is shutting down' });
      return;
    }
    this.#queue.push({ write: write as Write<unknown>, answered: false });
    this.#queuedBytes += write.bytes;
    this.#work ??= this.#run();
  }

  /** True if callers should accept no more requests until `whenRoom` calls them. */
  get isFull(): boolean {
    return this.#queuedBytes > queueBytesMax || this.#queue.length > queueWritesMax;
  }

  whenRoom(callback: () => void): void {
    this.#roomWaiters.push(callback);
  }

  async #run(): Promise<void> {
    // Writes that arrive in the same turn of the event loop belong to the same commit.
    await new Promise(setImmediate);
    while (this.#queue.length > 0) await this.#commitNext();
    this.#work = undefined;
  }

  async #commitNext(): Promise<void> {
    this.#inFlight = this.#take();
    try {
      const group = new CommitGroup(this.#log, this.#recent);
      const nowMs = Date.now();
      const results = this.#inFlight.map((queued) => decide(queued, group, nowMs));
      if (group.events.length > 0) {
        await this.#log.storage.room.make();
        await group.commit();
        group.publish();
      }
      for (const [i, queued] of this.#inFlight.entries()) answer(queued, results[i] as Result);
      if (group.events.length > 0) this.#onCommit(group.events);
      // After the answers, because the answers need not wait for this.
      await this.#log.storage.room.keep();
    } catch (error) {
      const reason = await failureReason(error, this.#log.directory);
      for (const queued of this.#inFlight) answer(queued, { kind: 'failed', reason });
    }
    this.#inFlight = [];
    if (this.#roomWaiters.length > 0 && !this.isFull) {
      for (const waiter of this.#roomWaiters.splice(0)) waiter();
    }
  }

  #take(): Queued[] {
    let count = 0;
    let bytes = 0;
    const most = Math.min(groupWritesMax, Math.max(groupWritesMin, this.#queue.length >> 1));
    while (count < this.#queue.length && count < most && bytes < groupBytesMax)
      bytes += this.#queue[count++]?.write.bytes ?? 0;
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  #answerLate(): void {
    const nowMs = Date.now();
    for (const queued of [...this.#inFlight, ...this.#queue])
      if (queued.write.deadlineMs <= nowMs) answer(queued, { kind: 'timeout' });
  }

  /** Waits for the end of the running commit, and refuses all later writes. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const queued of this.#queue.splice(0))
      answer(queued, { kind: 'failed', reason: 'the server is shutting down' });
    await this.#work;
  }
}

function decide({ write, answered }: Queued, group: CommitGroup, nowMs: number): Result {
  if (answered || write.deadlineMs <= nowMs) return { kind: 'timeout' };
  const eventsBefore = group.events.length;
  try {
    return { kind: 'decided', outcome: write.decide(group, nowMs) };
  } catch (error) {
    // The events that it has already added cannot be removed alone. Then no write of the group is
    // committed.
    if (group.events.length !== eventsBefore) throw error;
    return { kind: 'failed', reason: (error as Error).message };
  }
}

function answer(queued: Queued, result: Result): void {
  if (queued.answered) return;
  queued.answered = true;
  queued.write.done(result);
}

/**
 * lmdb-js has the reason of a failed commit in another promise. LMDB reports a full disk as an I/O
 * error.
 */
async function failureReason(error: unknown, directory: string): Promise<string> {
  let reason = (error as Error).message;
  try {
    await (error as { commitError?: Promise<unknown> }).commitError;
  } catch (cause) {
    reason = (cause as Error).message;
  }
  const { bavail, bsize } = await statfs(directory).catch(() => ({ bavail: -1, bsize: 0 }));
  const free = bavail < 0 ? 'unknown space' : `${Math.floor((bavail * bsize) / 1024 ** 2)} MiB`;
  return `the disk refused it (${reason}; ${free} left in ${directory})`;
}
