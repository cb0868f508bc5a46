/** Delete (soft) and Tombstone. */
import { decodeDelete } from '../codec/requests.ts';
import { deleted } from '../codec/responses.ts';
import type { ExpectedRevision } from '../streams/append.ts';
import { type DeleteOutcome, decideDelete, decideTombstone } from '../streams/delete.ts';
import { invalidEvents } from '../streams/proposed.ts';
import { endStreamDeleted, endWrongExpectedVersion } from './errors.ts';
import { type GrpcCall, type RpcHandler, Status } from './grpc-call.ts';
import type { Service } from './service.ts';
import { submitWrite } from './submit-write.ts';

export function deleteStream(service: Service): RpcHandler {
  return (call) => remove(service, call, decideDelete);
}

export function tombstoneStream(service: Service): RpcHandler {
  return (call) => remove(service, call, decideTombstone);
}

function remove(service: Service, call: GrpcCall, decide: typeof decideDelete): void {
  call.once((message) => {
    const { stream, expected } = decodeDelete(message);
    const invalid = invalidEvents(stream, []);
    if (invalid !== undefined) {
      call.end(Status.invalidArgument, invalid);
      return;
    }
    submitWrite<DeleteOutcome>(service, call, {
      bytes: 0,
      decide: (group, nowMs) => decide(group, stream, expected, nowMs),
      answer: (outcome) => answer(call, stream, expected, outcome),
    });
  });
}

function answer(
  call: GrpcCall,
  stream: string,
  expected: ExpectedRevision,
  outcome: DeleteOutcome,
): void {
  switch (outcome.kind) {
    case 'deleted':
      call.send(deleted(outcome.position));
      call.end(Status.ok);
      return;
    case 'stream-deleted':
      endStreamDeleted(call, stream);
      return;
    case 'wrong-expected-version':
      endWrongExpectedVersion(call, stream, expected, outcome.current);
  }
}
