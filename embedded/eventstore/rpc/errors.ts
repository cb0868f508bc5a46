/** Refusals, as a status with the trailers that EventStoreDB's clients read. */
import type { ExpectedRevision } from '../streams/append.ts';
import { type GrpcCall, Status } from './grpc-call.ts';

export function endStreamDeleted(call: GrpcCall, stream: string): void {
  call.end(Status.failedPrecondition, `Event stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  });
}

/** How the number forms of expected revisions are written in trailers. */
const expectedForms = { any: -2, no_stream: -1, stream_exists: -4 } as const;

/** `current` is −1 when there is no such stream; the error then says so. */
export function endWrongExpectedVersion(
  call: GrpcCall,
  stream: string,
  expected: ExpectedRevision,
  current: number,
): void {
  const number = typeof expected === 'number' ? expected : expectedForms[expected];
  call.end(
    Status.failedPrecondition,
    `Append failed due to WrongExpectedVersion. Stream: ${stream}, Expected version: ${number}, Actual version: ${current}`,
    {
      exception: 'wrong-expected-version',
      'stream-name': stream,
      'expected-version': String(number),
      'actual-version': String(current),
    },
  );
}

export function endMaximumAppendSize(call: GrpcCall, maxAppendSize: number): void {
  call.end(Status.invalidArgument, maximumAppendSizeText(maxAppendSize), {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(maxAppendSize),
  });
}

export function maximumAppendSizeText(maxAppendSize: number): string {
  return `Maximum Append Size of ${maxAppendSize} Exceeded.`;
}

export function endNotLeader(call: GrpcCall, host: string, port: number): void {
  call.end(Status.notFound, `Leader info available: ${host}:${port}`, {
    exception: 'not-leader',
    'leader-endpoint-host': host,
    'leader-endpoint-port': String(port),
  });
}

export const notReady = 'Server Is Not Ready';

/** The answer of a node that knows no leader. */
export function endNotReady(call: GrpcCall): void {
  call.end(Status.unavailable, notReady);
}

/** The write came too late or took too long. A retry with the same ids shows the result. */
export function endWriteTimeout(call: GrpcCall): void {
  call.end(Status.aborted, 'Operation timed out: the write took too long.');
}

/** The disk refused the write. Nothing was written. Reads continue. */
export function endWriteFailed(call: GrpcCall, reason: string): void {
  call.end(Status.unavailable, `The event store cannot write: ${reason}`);
}
