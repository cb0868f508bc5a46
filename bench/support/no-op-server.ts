/**
 * A server for comparison with the embedded event store: the same transport and codec, without
 * storage. It acknowledges appends at once and forgets them. A read of `$all` sends prepared
 * events, as many as the client requests. It runs in its own process. Like the embedded event
 * store, it is started by `startChild` of embedded/child.ts.
 */
import { randomUUID } from 'node:crypto';
import { runChild } from '../../embedded/child.ts';
import { decodeRead } from '../../embedded/eventstore/codec/read-request.ts';
import { encodeStoredEvent } from '../../embedded/eventstore/codec/recorded-event.ts';
import { decodeBatchAppend } from '../../embedded/eventstore/codec/requests.ts';
import { batchAppended } from '../../embedded/eventstore/codec/responses.ts';
import { type GrpcCall, Status } from '../../embedded/eventstore/rpc/grpc-call.ts';
import { GrpcServer } from '../../embedded/eventstore/rpc/grpc-server.ts';
import { supportedMethods } from '../../embedded/eventstore/rpc/node-info.ts';
import { eventData, eventMetadata, eventType } from './workload.ts';

const batchAppendPath = '/event_store.client.streams.Streams/BatchAppend';
const readPath = '/event_store.client.streams.Streams/Read';
const featuresPath = '/event_store.client.server_features.ServerFeatures/GetSupportedMethods';

/** The number of different prepared events. The server sends them repeatedly. */
const cannedEvents = 1_000;

/**
 * The number of events that the server sends before the client must have received the earlier ones.
 */
const pageEvents = 256;

const canned = Array.from({ length: cannedEvents }, (_, index) =>
  encodeStoredEvent(
    {
      id: randomUUID(),
      type: eventType,
      contentType: 'application/json',
      data: Buffer.from(JSON.stringify(eventData(index))),
      metadata: Buffer.from(JSON.stringify(eventMetadata)),
    },
    {
      stream: `bench-${index % 100}`,
      revision: index,
      position: 1_000_000 + index * 400,
      createdMs: Date.now(),
    },
  ),
);

function acknowledgeAtOnce(call: GrpcCall): void {
  let position = 0;
  call.listen({
    message(message) {
      const { correlation, options, events } = decodeBatchAppend(message);
      position += 400;
      const echo = { correlation, stream: options?.stream ?? '' };
      const before = typeof options?.expected === 'number' ? options.expected : -1;
      call.send(batchAppended(echo, before + events.length, position));
    },
    halfClosed: () => call.end(Status.ok),
  });
}

function sendCanned(call: GrpcCall): void {
  call.once((message) => {
    void sendPages(call, decodeRead(message).count);
  });
}

async function sendPages(call: GrpcCall, count: number): Promise<void> {
  for (let sent = 0; sent < count && call.isOpen; ) {
    for (const end = Math.min(sent + pageEvents, count); sent < end; sent++) {
      call.send(canned[sent % cannedEvents] as Buffer);
    }
    call.flush();
    await new Promise(setImmediate);
    await call.drained();
  }
  call.end(Status.ok);
}

runChild(async () => {
  const server = new GrpcServer(
    new Map([
      [batchAppendPath, acknowledgeAtOnce],
      [readPath, sendCanned],
      [featuresPath, supportedMethods([batchAppendPath, readPath, featuresPath])],
    ]),
  );
  const port = await server.listen('127.0.0.1', 0);
  return { url: `esdb://127.0.0.1:${port}?tls=false`, stop: () => server.stop() };
});
