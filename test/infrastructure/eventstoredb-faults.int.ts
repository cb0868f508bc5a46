import { randomUUID } from 'node:crypto';
import { ANY, EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { expect } from 'chai';
import { type EventStore, EventStoreUnavailable } from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { eventually } from '../support/eventually.ts';
import { type TestEventStore, testEventStore } from '../support/servers.ts';
import { charged, rejection } from './support/eventstoredb.ts';

/** Short enough for a test, long enough that a busy machine is not taken for a silent server. */
const bounds = { answerMs: 400, readTimeoutMs: 1_200, quietCheckMs: 300 };

describe('eventstoredb with a store that fails on demand', () => {
  let server: TestEventStore;
  let store: EventStore;
  let port: number;
  before(async () => {
    server = await testEventStore({ faults: true });
    store = connectEventStore(server.url, bounds);
    port = Number(/:(\d+)/.exec(server.url)?.[1]);
  });
  afterEach(() => server.fault?.({ kind: 'clear' }));
  after(async () => {
    await store?.close();
    await server?.stop();
  });

  const newStream = () => `account-${randomUUID()}`;
  const idsOf = async (stream: string): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { id } of store.readStream(stream)) ids.push(id);
    return ids;
  };

  const faults: Record<string, () => object> = {
    silent: () => ({ kind: 'silent' }),
    unavailable: () => ({ kind: 'unavailable' }),
    'not the leader': () => ({ kind: 'not-leader', host: '127.0.0.1', port }),
    'slower than an answer may take': () => ({ kind: 'slow', ms: 600 }),
    'cut before the write': () => ({ kind: 'cut', when: 'before-write' }),
    'cut after the write': () => ({ kind: 'cut', when: 'after-write' }),
  };

  for (const [name, fault] of Object.entries(faults)) {
    it(`${name}, a few times: every append is answered right and written once`, async () => {
      await server.fault?.({ ...fault(), times: 5 });
      const appends = Array.from({ length: 40 }, () => ({ stream: newStream(), event: charged() }));
      const results = await Promise.all(
        appends.map(({ stream, event }) => store.append(stream, 'no_stream', [event])),
      );
      for (const [n, { stream, event }] of appends.entries()) {
        expect(results[n]).to.include({ ok: true, revision: 0n });
        expect(await idsOf(stream)).to.deep.equal([event.id]);
      }
    });

    it(`${name}, for ever: unavailable in time, and well again afterwards`, async () => {
      const stream = newStream();
      const event = charged();
      await server.fault?.(fault());
      const startedMs = performance.now();
      const append = store.append(stream, 'no_stream', [event], { timeoutMs: 900 });
      expect(await rejection(append)).to.be.instanceOf(EventStoreUnavailable);
      expect(performance.now() - startedMs).to.be.within(850, 3_500);

      await server.fault?.({ kind: 'clear' });
      const clearedMs = performance.now();
      // The outcome was open: the same append again settles it, whichever it was.
      const again = await store.append(stream, 'no_stream', [event]);
      expect(again).to.include({ ok: true, revision: 0n });
      expect(await idsOf(stream)).to.deep.equal([event.id]);
      expect(performance.now() - clearedMs).to.be.below(5_000);
    });
  }

  for (const name of ['silent', 'unavailable', 'not the leader']) {
    it(`${name}: reads say unavailable in time`, async () => {
      const stream = newStream();
      await store.append(stream, 'no_stream', [charged()]);
      await server.fault?.(faults[name]?.());
      const startedMs = performance.now();
      // Any node may tell the head of its log; a stream is asked of the leader.
      const [head, reachable] =
        name === 'not the leader'
          ? [undefined, false]
          : [rejection(store.head()), store.reachable(300)];
      expect(await rejection(idsOf(stream))).to.be.instanceOf(EventStoreUnavailable);
      if (head !== undefined) expect(await head).to.be.instanceOf(EventStoreUnavailable);
      expect(await reachable).to.equal(false);
      expect(performance.now() - startedMs).to.be.below(4_000);
      await server.fault?.({ kind: 'clear' });
      expect(await idsOf(stream)).to.have.length(1);
      expect(await store.reachable(1_000)).to.equal(true);
    });
  }

  it('slow: an answer that comes in time is waited for', async () => {
    await server.fault?.({ kind: 'slow', ms: 200 });
    const stream = newStream();
    expect(await store.append(stream, 'no_stream', [charged()])).to.include({ ok: true });
    expect(await idsOf(stream)).to.have.length(1);
  });

  it('a subscription goes on over cuts and silence, each event once', async () => {
    const prefix = `seat-${randomUUID()}`;
    const end = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      const wanted = { after: null, prefixes: [prefix], signal: end.signal };
      for await (const message of store.subscribe(wanted)) {
        if (message.kind === 'event') seen.push(message.event.id);
      }
    })();
    const written: string[] = [];
    const write = async (): Promise<void> => {
      const event = charged();
      await store.append(`${prefix}/${written.length}`, 'no_stream', [event]);
      written.push(event.id);
    };
    for (const fault of [
      { kind: 'cut', when: 'now' },
      { kind: 'cut', when: 'after-write', times: 1 },
      { kind: 'silent', times: 4 },
      { kind: 'unavailable', times: 4 },
    ]) {
      for (let n = 0; n < 20; n += 1) await write();
      await server.fault?.(fault);
      await server.fault?.({ kind: 'cut', when: 'now' });
    }
    await write();
    await eventually('the subscription has it all', () => seen.length >= written.length);
    end.abort();
    await following;
    expect(seen).to.deep.equal(written);
  });

  it('(control) fresh ids at a retry are a conflict with oneself', async () => {
    const stream = newStream();
    const event = charged();
    await server.fault?.({ kind: 'cut', when: 'after-write' });
    await rejection(store.append(stream, 'no_stream', [event], { timeoutMs: 200 }));
    await server.fault?.({ kind: 'clear' });
    expect(await store.append(stream, 'no_stream', [charged()])).to.include({ ok: false });
    expect(await store.append(stream, 'no_stream', [event])).to.include({ ok: true });
  });

  it('(control) without ids and expected revision of its own a retry is written twice', async () => {
    const stream = newStream();
    const client = EventStoreDBClient.connectionString(server.url);
    const append = () =>
      client.appendToStream(stream, jsonEvent({ type: 'BalanceCharged', data: {} }), {
        expectedRevision: ANY,
      });
    await server.fault?.({ kind: 'cut', when: 'after-write', times: 1 });
    await rejection(append());
    await append();
    await client.dispose();
    expect(await idsOf(stream)).to.have.length(2);
  });
});
