/**
 * Append: one append per call. The first message has its options, and each later one has an event.
 */
import type { ProposedEvent } from '../codec/recorded-event.ts';
import { decodeAppend, type StreamOptions } from '../codec/requests.ts';
import { appended, appendWrongExpectedVersion } from '../codec/responses.ts';
import { type AppendOutcome, decideAppend, type ExpectedRevision } from '../streams/append.ts';
import { appendSize, invalidEvents } from '../streams/proposed.ts';
import { endMaximumAppendSize, endStreamDeleted } from './errors.ts';
import { type GrpcCall, Status } from './grpc-call.ts';
import type { Service } from './service.ts';
import { submitWrite } from './submit-write.ts';

export function append(service: Service, call: GrpcCall): void {
  const { maxAppendBytes } = service.limits;
  const events: ProposedEvent[] = [];
  let options: StreamOptions | undefined;
  let bytes = 0;
  call.listen({
    message(message) {
      const received = decodeAppend(message);
      if ('options' in received) {
        options = received.options;
        return;
      }
      bytes += appendSize(received.event);
      if (bytes > maxAppendBytes) endMaximumAppendSize(call, maxAppendBytes);
      else events.push(received.event);
    },
    halfClosed() {
      const invalid =
        options === undefined ? 'the options are missing' : invalidEvents(options.stream, events);
      if (options === undefined || invalid !== undefined) {
        call.end(Status.invalidArgument, invalid);
        return;
      }
      const { stream, expected } = options;
      submitWrite<AppendOutcome>(service, call, {
        bytes,
        decide: (group, nowMs) => decideAppend(group, stream, expected, events, nowMs),
        answer: (outcome) => answer(call, stream, expected, outcome),
      });
    },
  });
}

function answer(
  call: GrpcCall,
  stream: string,
  expected: ExpectedRevision,
  outcome: AppendOutcome,
): void {
  switch (outcome.kind) {
    case 'appended':
      call.send(appended(outcome.lastRevision, outcome.position));
      break;
    case 'wrong-expected-version':
      call.send(appendWrongExpectedVersion(expected, outcome.current));
      break;
    case 'stream-deleted':
      endStreamDeleted(call, stream);
  }
  call.end(Status.ok);
}
