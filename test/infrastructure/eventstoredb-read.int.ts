import { expect } from 'chai';
import { streamNotFound as notFoundMessage } from '../../embedded/eventstore/codec/responses.ts';
import { type GrpcCall, Status } from '../../embedded/eventstore/rpc/grpc-call.ts';
import { GrpcServer } from '../../embedded/eventstore/rpc/grpc-server.ts';
import { supportedMethods } from '../../embedded/eventstore/rpc/node-info.ts';
import {
  type EventStore,
  EventStoreRefused,
  EventStoreUnavailable,
} from '../../src/commands/core/event-store.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { eventually } from '../support/eventually.ts';
import { rejection, stubs } from './support/eventstoredb.ts';
import { eventMessage, fail, status, streamNotFound } from './support/eventstoredb-stub.ts';

describe('eventstoredb: read', () => {
  const against = stubs();

  const revisions = async (store: EventStore, from?: bigint): Promise<number[]> => {
    const seen: number[] = [];
    for await (const event of store.readStream('account-1', from)) {
      seen.push(Number(event.revision));
    }
    return seen;
  };
  const event = (revision: number) =>
    eventMessage({ stream: 'account-1', revision, position: 10 + revision });

  it('takes a missing stream for an empty one', async () => {
    const { store } = await against({
      read: (call) => {
        call.write(streamNotFound('account-1'));
        call.end();
      },
    });
    expect(await revisions(store)).to.deep.equal([]);
  });

  it('maps an event, and one that is no JSON object to one without data', async () => {
    const base = { stream: 'account-1', position: 7 };
    const { store } = await against({
      read: (call) => {
        call.write(eventMessage({ ...base, revision: 0 }));
        call.write(eventMessage({ ...base, revision: 1, contentType: 'application/octet-stream' }));
        call.write(eventMessage({ ...base, revision: 2, data: '{"cut', metadata: '{"cut' }));
        call.write(eventMessage({ ...base, revision: 3, data: '"text"' }));
        call.end();
      },
    });
    const seen: RecordedEvent[] = [];
    for await (const event of store.readStream('account-1')) seen.push(event);
    expect(seen[0]).to.deep.equal({
      id: '00000000-0000-4000-8000-000000000007',
      stream: 'account-1',
      revision: 0n,
      position: 7n,
      type: 'SeatSold',
      createdMs: 1_700_000_000_000,
      data: { a: 1 },
      metadata: { schemaVersion: 1 },
    });
    expect(seen.slice(1).map(({ data }) => data)).to.deep.equal([undefined, undefined, undefined]);
    expect(seen[2]?.metadata).to.equal(undefined);
  });

  it('goes on after the last event when the read breaks', async () => {
    const { store, stub } = await against({
      read: (call, request, nth) => {
        const from = Number(request.getOptions()?.getStream()?.getRevision() || 0);
        for (let r = from; r < (nth === 1 ? 3 : 6); r += 1) call.write(event(r));
        if (nth === 1) setTimeout(() => fail(call, status(14)), 20);
        else call.end();
      },
    });
    expect(await revisions(store)).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(stub.reads).to.have.length(2);
  });

  it('goes on backwards before the last event when the read breaks', async () => {
    const { store, stub } = await against({
      read: (call, _, nth) => {
        for (const revision of nth === 1 ? [5, 4, 3] : [2, 1, 0]) call.write(event(revision));
        // The second time it breaks after its last event.
        setTimeout(() => fail(call, status(14)), 20);
      },
    });
    const seen: number[] = [];
    for await (const { revision } of store.readBackwards('account-1')) seen.push(Number(revision));
    expect(seen).to.deep.equal([5, 4, 3, 2, 1, 0]);
    const asked = stub.reads.map((read) => read.getOptions()?.getStream());
    expect(asked.map((options) => options?.hasEnd())).to.deep.equal([true, false]);
    expect(asked[1]?.getRevision()).to.equal('2');
  });

  it('asks for no more than is wanted, and after a break for what is left of it', async () => {
    const { store, stub } = await against({
      read: (call, _, nth) => {
        for (const revision of nth === 1 ? [3, 4] : [5]) call.write(event(revision));
        // The second time it breaks when all was sent that was asked for.
        setTimeout(() => fail(call, status(14)), 20);
      },
    });
    const seen: number[] = [];
    for await (const { revision } of store.readStream('account-1', 3n, 3)) {
      seen.push(Number(revision));
    }
    expect(seen).to.deep.equal([3, 4, 5]);
    const counts = stub.reads.map((read) => read.getOptions()?.getCount());
    expect(counts).to.deep.equal(['3', '1']);
  });

  it('gives a silent server up after its bound, in mid-read too', async () => {
    const bounds = { answerMs: 150, readTimeoutMs: 400 };
    const { store } = await against(
      { read: (call, _, nth) => nth === 1 && call.write(event(0)) },
      bounds,
    );
    const startedMs = performance.now();
    expect(await rejection(revisions(store))).to.be.instanceOf(EventStoreUnavailable);
    expect(await rejection(store.head())).to.be.instanceOf(EventStoreUnavailable);
    expect(await store.reachable(200)).to.equal(false);
    expect(performance.now() - startedMs).to.be.below(4_000);
  });

  it('does not take a slow consumer for a silent server', async () => {
    const { store, stub } = await against(
      {
        read: (call) => {
          for (let r = 0; r < 5; r += 1) call.write(event(r));
          call.end();
        },
      },
      { answerMs: 200, readTimeoutMs: 300 },
    );
    const seen: bigint[] = [];
    for await (const { revision } of store.readStream('account-1')) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      seen.push(revision);
    }
    expect(seen).to.deep.equal([0n, 1n, 2n, 3n, 4n]);
    expect(stub.reads).to.have.length(1);
  });

  it('refuses a stream that is deleted for ever', async () => {
    const { store } = await against({
      read: (call) =>
        fail(call, status(9, { exception: 'stream-deleted', 'stream-name': 'account-1' })),
    });
    const error = await rejection(revisions(store));
    expect(error).to.be.instanceOf(EventStoreRefused);
    expect(error.message).to.include('tombstone');
  });

  it('lets go of a read that its consumer leaves', async () => {
    let cancelled = false;
    const { store } = await against({
      read: (call) => {
        call.on('cancelled', () => {
          cancelled = true;
        });
        call.write(event(0));
      },
    });
    for await (const _ of store.readStream('account-1')) break;
    while (!cancelled) await new Promise((resolve) => setImmediate(resolve));
  });

  it('keeps its socket when only a caller had too little time', async () => {
    const sockets = new Set<string>();
    const { store } = await against({
      read: (call) => {
        sockets.add(call.getPeer());
        setTimeout(() => call.end(), 100);
      },
    });
    for (let n = 0; n < 5; n += 1) expect(await store.reachable(30)).to.equal(false);
    expect(await store.head()).to.equal(null);
    expect(sockets.size).to.equal(1);
  });

  it('knows the head of an empty log and of another', async () => {
    let empty = true;
    const { store } = await against({
      read: (call) => {
        if (!empty) call.write(event(3));
        call.end();
      },
    });
    expect(await store.head()).to.equal(null);
    empty = false;
    expect(await store.head()).to.equal(13n);
  });

  it('does not cancel a read that the server has answered: too many resets end the connection', async () => {
    const stillOpen: boolean[] = [];
    const path = '/event_store.client.streams.Streams/Read';
    const read = (call: GrpcCall) =>
      call.once(() => {
        call.send(notFoundMessage('account-1'));
        // The end comes a moment after the message, as it does from a busy server.
        setTimeout(() => {
          stillOpen.push(call.isOpen);
          call.end(Status.ok);
        }, 100);
      });
    const features = '/event_store.client.server_features.ServerFeatures/GetSupportedMethods';
    const server = new GrpcServer(
      new Map([
        [path, read],
        [features, supportedMethods([path])],
      ]),
    );
    const store = connectEventStore(
      `esdb://127.0.0.1:${await server.listen('127.0.0.1', 0)}?tls=false`,
    );
    try {
      for (let nth = 0; nth < 3; nth++) expect(await revisions(store)).to.deep.equal([]);
      await eventually('all have ended', () => stillOpen.length === 3);
      expect(stillOpen).to.deep.equal([true, true, true]);
    } finally {
      await store.close();
      await server.stop();
    }
  });
});
