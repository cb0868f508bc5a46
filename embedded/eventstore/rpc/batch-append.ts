/**
 * BatchAppend: one long stream with many appends. Each append has a correlation id, and its events
 * come in one or more chunks. Each append gets exactly one answer, when it is durable or refused.
 */
import type { ProposedEvent } from '../codec/recorded-event.ts';
import {
  type BatchAppendChunk,
  type BatchAppendOptions,
  decodeBatchAppend,
} from '../codec/requests.ts';
import {
  type BatchEcho,
  type BatchError,
  batchAppended,
  batchRefused,
  maximumAppendSizeDetails,
  streamDeletedDetails,
  wrongExpectedVersionDetails,
} from '../codec/responses.ts';
import { bytesField } from '../codec/wire.ts';
import type { CommitGroup } from '../log/commit-group.ts';
import type { Write, WriteResult } from '../log/writer.ts';
import { type AppendOutcome, decideAppend } from '../streams/append.ts';
import { appendSize, invalidEvents } from '../streams/proposed.ts';
import { endWriteFailed, maximumAppendSizeText, notReady } from './errors.ts';
import { type GrpcCall, Status } from './grpc-call.ts';
import type { PendingWrite, Service } from './service.ts';

/**
 * Limits of one call: the number of appends whose last chunk is missing, and their memory together.
 */
const gatheringMax = 10_000;
const gatheringBytesMax = 64 * 1024 * 1024;
const noBytes = Buffer.alloc(0);
const alreadyExists = 6;
/** The detail in the answer of a node without a leader. */
const noDetails = 'google.protobuf.Empty';
const timeoutStatus: BatchError = {
  code: Status.deadlineExceeded,
  message: 'Timeout',
  type: 'Timeout',
  details: noBytes,
};

function badRequest(why: string): BatchError {
  return {
    code: Status.invalidArgument,
    message: 'BadRequest',
    type: 'BadRequest',
    details: bytesField(1, why),
  };
}

interface Gathering {
  readonly echo: BatchEcho;
  readonly options: BatchAppendOptions;
  readonly deadlineMs: number;
  readonly events: ProposedEvent[];
  bytes: number;
  /** The part of its bytes that is in unfinished appends. The call counts them. */
  heldBytes: number;
  readonly timer: NodeJS.Timeout | undefined;
}

export function batchAppend(service: Service, call: GrpcCall): void {
  const batches = new BatchAppendCall(service, call);
  call.listen({
    message: (message) => batches.take(decodeBatchAppend(message)),
    halfClosed: () => call.end(Status.ok),
  });
  call.onceClosed(() => batches.forget());
}

class BatchAppendCall {
  readonly #gathering = new Map<string, Gathering>();
  #gatheringBytes = 0;
  #paused = false;
  readonly #service: Service;
  readonly #call: GrpcCall;

  constructor(service: Service, call: GrpcCall) {
    this.#service = service;
    this.#call = call;
  }

  take(chunk: BatchAppendChunk): void {
    const append = this.#gatheringOf(chunk);
    if (append === undefined) return;
    if (chunk.problem !== undefined) {
      this.#drop(chunk.correlation);
      this.refuse(append.echo, badRequest(chunk.problem));
      return;
    }
    const { maxAppendBytes } = this.#service.limits;
    let bytes = 0;
    for (const event of chunk.events) bytes += appendSize(event);
    append.bytes += bytes;
    // Answers at once. Later chunks of the append are ignored.
    if (append.bytes > maxAppendBytes) {
      this.#drop(chunk.correlation);
      this.refuse(append.echo, {
        code: Status.invalidArgument,
        message: maximumAppendSizeText(maxAppendBytes),
        type: 'MaximumAppendSizeExceeded',
        details: maximumAppendSizeDetails(maxAppendBytes),
      });
      return;
    }
    append.events.push(...chunk.events);
    if (chunk.isFinal) {
      this.#drop(chunk.correlation);
      this.#service.hooks.beforeWrite(this.#call, new BatchedAppend(this, append));
    } else this.#hold(append, chunk.correlation, bytes);
  }

  /**
   * Keeps a chunk of an unfinished append. If there are too many unfinished appends, this one is
   * refused.
   */
  #hold(append: Gathering, correlation: Buffer, bytes: number): void {
    this.#gatheringBytes += bytes;
    append.heldBytes += bytes;
    const isFull = this.#gathering.size > gatheringMax || this.#gatheringBytes > gatheringBytesMax;
    if (!isFull) return;
    this.#drop(correlation);
    this.refuse(append.echo, timeoutStatus);
  }

  #gatheringOf(chunk: BatchAppendChunk): Gathering | undefined {
    const { options } = chunk;
    const key = chunk.correlation.toString('latin1');
    const known = this.#gathering.size === 0 ? undefined : this.#gathering.get(key);
    // Chunks of an append that already has an answer (a timeout) are ignored.
    if (known || options === undefined) return known;
    const nowMs = Date.now();
    const echo = { correlation: chunk.correlation, stream: options.stream };
    const deadlineMs = Math.min(options.deadlineMs, nowMs + this.#service.limits.writeTimeoutMs);
    if (deadlineMs <= nowMs) {
      this.refuse(echo, timeoutStatus);
      return undefined;
    }
    const started = { echo, options, deadlineMs, events: [], bytes: 0, heldBytes: 0 };
    if (chunk.isFinal) return { ...started, timer: undefined };
    const timer = setTimeout(() => {
      this.#drop(chunk.correlation);
      this.refuse(echo, timeoutStatus);
    }, deadlineMs - nowMs);
    const gathering = { ...started, timer };
    this.#gathering.set(key, gathering);
    return gathering;
  }

  #drop(correlation: Buffer): void {
    if (this.#gathering.size === 0) return;
    const key = correlation.toString('latin1');
    const dropped = this.#gathering.get(key);
    if (dropped === undefined) return;
    clearTimeout(dropped.timer);
    this.#gathering.delete(key);
    this.#gatheringBytes -= dropped.heldBytes;
  }

  write(append: BatchedAppend): void {
    const { options, events } = append.gathered;
    const invalid = invalidEvents(options.stream, events);
    if (invalid !== undefined) {
      this.refuse(append.gathered.echo, badRequest(invalid));
      return;
    }
    this.#service.writer.submit(append);
    this.#holdBack();
  }

  /**
   * Accepts no messages while the writer has too much to do, or while the client does not read its
   * answers.
   */
  #holdBack(): void {
    const { writer } = this.#service;
    if (this.#paused || !(writer.isFull || this.#call.isBlocked)) return;
    this.#paused = true;
    this.#call.pause();
    const goOn = () => {
      this.#paused = false;
      this.#call.resume();
    };
    if (writer.isFull) writer.whenRoom(goOn);
    else void this.#call.drained().then(goOn);
  }

  answer(append: BatchedAppend, result: WriteResult<AppendOutcome>): void {
    this.#service.hooks.beforeAnswer(this.#call, () => {
      if (append.isAnswered) return;
      const { gathered } = append;
      if (result.kind === 'timeout') this.refuse(gathered.echo, timeoutStatus);
      else if (result.kind === 'failed') endWriteFailed(this.#call, result.reason);
      else this.#answerDecided(gathered, result.outcome);
      append.isAnswered = true;
    });
  }

  #answerDecided({ echo, options }: Gathering, outcome: AppendOutcome): void {
    switch (outcome.kind) {
      case 'appended':
        this.#call.send(batchAppended(echo, outcome.lastRevision, outcome.position));
        return;
      case 'wrong-expected-version':
        this.refuse(echo, {
          code: alreadyExists,
          message: 'WrongExpectedVersion',
          type: 'WrongExpectedVersion',
          details: wrongExpectedVersionDetails(options.expected, outcome.current),
        });
        return;
      case 'stream-deleted':
        this.refuse(echo, {
          code: Status.notFound,
          message: 'StreamDeleted',
          type: 'StreamDeleted',
          details: streamDeletedDetails(echo.stream),
        });
    }
  }

  refuse(echo: BatchEcho, error: BatchError): void {
    this.#call.send(batchRefused(echo, error));
  }

  /** The call is over. Incomplete appends will never be complete. */
  forget(): void {
    for (const { timer } of this.#gathering.values()) clearTimeout(timer);
    this.#gathering.clear();
  }
}

/** One append in the writer. */
class BatchedAppend implements Write<AppendOutcome>, PendingWrite {
  readonly gathered: Gathering;
  isAnswered = false;
  deadlineMs: number;
  readonly #from: BatchAppendCall;

  constructor(from: BatchAppendCall, gathered: Gathering) {
    this.#from = from;
    this.gathered = gathered;
    this.deadlineMs = gathered.deadlineMs;
  }

  get bytes(): number {
    return this.gathered.bytes;
  }

  proceed(): void {
    this.#from.write(this);
  }

  timeOut(): void {
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.#refuse(timeoutStatus);
  }

  notReady(): void {
    this.#refuse({ code: Status.ok, message: notReady, type: noDetails, details: noBytes });
  }

  #refuse(error: BatchError): void {
    if (!this.isAnswered) this.#from.refuse(this.gathered.echo, error);
    this.isAnswered = true;
  }

  decide(group: CommitGroup, nowMs: number): AppendOutcome {
    const { options, events } = this.gathered;
    return decideAppend(group, options.stream, options.expected, events, nowMs);
  }

  done(result: WriteResult<AppendOutcome>): void {
    this.#from.answer(this, result);
  }
}
