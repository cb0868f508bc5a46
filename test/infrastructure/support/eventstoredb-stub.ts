import { ServerFeaturesService } from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import featuresPb, {
  type SupportedMethods,
} from '@eventstore/db-client/generated/serverfeatures_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import statusPb from '@eventstore/db-client/generated/status_pb.js';
import { StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsPb, {
  type BatchAppendReq,
  type BatchAppendResp,
  type ReadReq,
  type ReadResp,
} from '@eventstore/db-client/generated/streams_pb.js';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import anyPb from 'google-protobuf/google/protobuf/any_pb.js';

/**
 * A gRPC server whose every answer a test writes itself: for what no event store would do on
 * demand.
 */
export interface Stub {
  readonly url: string;
  readonly port: number;
  /** Appends received, in order, over all streams. */
  readonly appends: BatchAppendReq[];
  /** Reads and subscriptions received, in order. */
  readonly reads: ReadReq[];
  stop(): void;
}

export type AppendCall = ServerDuplexStream<BatchAppendReq, BatchAppendResp>;
export type ReadCall = ServerWritableStream<ReadReq, ReadResp>;

export interface Behaviour {
  /** One append arrived; `stream` counts the batch streams that were opened, from 1. */
  readonly append?: (call: AppendCall, request: BatchAppendReq, stream: number) => void;
  /** One read or subscription arrived, the `nth` from 1. */
  readonly read?: (call: ReadCall, request: ReadReq, nth: number) => void;
}

export async function startStub(behaviour: Behaviour): Promise<Stub> {
  const server = new Server();
  const appends: BatchAppendReq[] = [];
  const reads: ReadReq[] = [];
  let streams = 0;
  const unimplemented = (): never => {
    throw new Error('not part of the stub');
  };
  server.addService(StreamsService, {
    read(call: ReadCall) {
      call.on('error', () => {});
      reads.push(call.request);
      behaviour.read?.(call, call.request, reads.length);
    },
    batchAppend(call: AppendCall) {
      streams += 1;
      const stream = streams;
      call.on('error', () => {});
      call.on('data', (request: BatchAppendReq) => {
        appends.push(request);
        behaviour.append?.(call, request, stream);
      });
      call.on('end', () => call.end());
    },
    append: unimplemented,
    delete: unimplemented,
    tombstone: unimplemented,
  });
  server.addService(ServerFeaturesService, {
    getSupportedMethods(_call: unknown, reply: sendUnaryData<SupportedMethods>) {
      const method = new featuresPb.SupportedMethod();
      method.setServiceName('event_store.client.streams.streams');
      method.setMethodName('batchappend');
      const methods = new featuresPb.SupportedMethods();
      methods.setEventStoreServerVersion('24.10.0');
      methods.addMethods(method);
      reply(null, methods);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    url: `esdb://127.0.0.1:${port}?tls=false`,
    port,
    appends,
    reads,
    stop: () => server.forceShutdown(),
  };
}

export function success(
  request: BatchAppendReq,
  revision: number,
  position?: number,
): BatchAppendResp {
  const done = new streamsPb.BatchAppendResp.Success();
  done.setCurrentRevision(String(revision));
  if (position !== undefined) {
    const at = new sharedPb.AllStreamPosition();
    at.setCommitPosition(String(position));
    at.setPreparePosition(String(position));
    done.setPosition(at);
  }
  return answerTo(request).setSuccess(done);
}

/**
 * An error answer: the name under `event_store.client.`, the google.rpc code, the details' bytes.
 */
export function failure(
  request: BatchAppendReq,
  name: string,
  code: number,
  details: Uint8Array = new Uint8Array(),
): BatchAppendResp {
  const any = new anyPb.Any();
  any.pack(details, `event_store.client.${name}`);
  const status = new statusPb.Status();
  status.setCode(code as ReturnType<typeof status.getCode>);
  status.setMessage(`says the stub: ${name}`);
  status.setDetails(any);
  return answerTo(request).setError(status);
}

function answerTo(request: BatchAppendReq): BatchAppendResp {
  const answer = new streamsPb.BatchAppendResp();
  answer.setCorrelationId(request.getCorrelationId());
  answer.setStreamIdentifier(request.getOptions()?.getStreamIdentifier());
  return answer;
}

export interface StubEvent {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
  /** Default: one of the position's own. */
  readonly id?: string;
  readonly type?: string;
  readonly prepare?: number;
  readonly createdMs?: number;
  readonly contentType?: string;
  readonly data?: string;
  readonly metadata?: string;
}

export function eventMessage(event: StubEvent): ReadResp {
  const id = new sharedPb.UUID();
  id.setString(event.id ?? `00000000-0000-4000-8000-${String(event.position).padStart(12, '0')}`);
  const recorded = new streamsPb.ReadResp.ReadEvent.RecordedEvent();
  recorded.setId(id);
  recorded.setStreamIdentifier(streamIdentifier(event.stream));
  recorded.setStreamRevision(String(event.revision));
  recorded.setCommitPosition(String(event.position));
  recorded.setPreparePosition(String(event.prepare ?? event.position));
  recorded
    .getMetadataMap()
    .set('type', event.type ?? 'SeatSold')
    .set('content-type', event.contentType ?? 'application/json')
    .set('created', `${event.createdMs ?? 1_700_000_000_000}0000`);
  recorded.setData(Buffer.from(event.data ?? '{"a":1}'));
  recorded.setCustomMetadata(Buffer.from(event.metadata ?? '{"schemaVersion":1}'));
  const read = new streamsPb.ReadResp.ReadEvent();
  read.setEvent(recorded);
  read.setCommitPosition(String(event.position));
  return new streamsPb.ReadResp().setEvent(read);
}

export function confirmation(): ReadResp {
  const confirmed = new streamsPb.ReadResp.SubscriptionConfirmation();
  confirmed.setSubscriptionId('stub');
  return new streamsPb.ReadResp().setConfirmation(confirmed);
}

export function caughtUp(): ReadResp {
  return new streamsPb.ReadResp().setCaughtUp(new streamsPb.ReadResp.CaughtUp());
}

/** @param prepare its other half; default the same */
export function checkpoint(position: number | string, prepare = position): ReadResp {
  const at = new streamsPb.ReadResp.Checkpoint();
  at.setCommitPosition(String(position));
  at.setPreparePosition(String(prepare));
  return new streamsPb.ReadResp().setCheckpoint(at);
}

export function streamNotFound(name: string): ReadResp {
  const missing = new streamsPb.ReadResp.StreamNotFound();
  missing.setStreamIdentifier(streamIdentifier(name));
  return new streamsPb.ReadResp().setStreamNotFound(missing);
}

function streamIdentifier(name: string) {
  const identifier = new sharedPb.StreamIdentifier();
  identifier.setStreamName(Buffer.from(name));
  return identifier;
}

/** A gRPC status to fail a call with, and the trailers that the event store sends with it. */
export function status(code: number, trailers: Record<string, string> = {}) {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
  return Object.assign(new Error(`says the stub: ${code}`), {
    code,
    details: `says the stub: ${code}`,
    metadata,
  });
}

/** Fails a call as a real server does: by its status and trailers. */
export function fail(call: AppendCall | ReadCall, error: ReturnType<typeof status>): void {
  call.emit('error', error);
}
