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
   * Decides, and adds its events to the group when the answer is yes. Throws: only this write
   * fails.
   */
  decide(group: CommitGroup, nowMs: number): Outcome;
  /** Called exactly once, when the outcome is durable or can never happen. */
  done(result: WriteResult<Outcome>): void;
}

export type WriteResult<Outcome> =
  | { readonly kind: 'decided'; readonly outcome: Outcome }
  /**
   * Not answered in time: dropped from the queue, or the disk still works on it (then it may be
   * there later).
   */
  | { readonly kind: 'timeout' }
  /** The disk refused the commit; nothing was written. */
  | { readonly kind: 'failed'; readonly reason: string };

/** What one commit carries at most; what waits beyond it goes into the next. */
const groupWritesMax = 2_048;
/**
 * Of more than this, one commit takes half: clients then work on the answers of the first half
 * while the second one is written, instead of all waiting for one commit and then all at once.
 */
const groupWritesMin = 32;
const groupBytesMax = 4 * 1024 * 1024;
/** Above this much waiting, callers are asked to hold back (`isFull`). */
const queueBytesMax = 32 * 1024 * 1024;
const queueWritesMax = 20_000;
const timeoutCheckMs = 100;

type Result = WriteResult<unknown>;

interface Queued {
  readonly write: Write<unknown>;
  answered: boolean;
}

/**
 * The one writer. It takes what has gathered, decides it in order, commits it as one group and
 * answers; meanwhile the next group gathers. Only one commit is under way at a time, so a decision
 * never rests on something that may still fail.
 */
export class Writer {
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #inFlight: Queued[] = [];
  /** The commits under way, undefined while nothing waits. */
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

  /** True when callers should stop taking requests in until `whenRoom` calls them back. */
  get isFull(): boolean {
    return this.#queuedBytes > queueBytesMax || this.#queue.length > queueWritesMax;
  }

  whenRoom(callback: () => void): void {
    this.#roomWaiters.push(callback);
  }

  async #run(): Promise<void> {
    // What arrives in the same turn of the event loop belongs to the same commit.
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
      // After the answers, which need not wait for it.
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

  /** Lets the commit under way finish and refuses everything after it. */
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
    // What it added already cannot be taken back alone: then none of the group is committed.
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
 * lmdb-js hides why a commit failed behind another promise; LMDB calls a full disk an I/O error.
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
