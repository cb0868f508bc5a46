import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import {
  type AppendResult,
  type EventStore,
  EventStoreUnavailable,
} from '../../src/commands/core/event-store.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { eventually } from '../support/eventually.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { charged, rejection } from './support/eventstoredb.ts';

const writers = 200;
const padding = 'x'.repeat(16 * 1024);

describeWithOwnEventStore('eventstoredb while the store is killed and restarted', function () {
  this.timeout(60_000);
  let server: TestEventStore;
  let store: EventStore;
  const prefix = `seat-${randomUUID()}`;
  before(async () => {
    server = await testEventStore();
    store = connectEventStore(server.url);
  });
  after(async () => {
    await store?.close();
    await server?.stop();
  });

  it('loses no acknowledged append, writes none twice, and its subscription has no gap', async () => {
    const appendsEach = 6;
    const acknowledged = new Set<string>();

    /**
     * As a caller does with an idempotency key: what was unavailable is sent again until it is
     * settled.
     */
    const settle = async (...append: Parameters<EventStore['append']>): Promise<AppendResult> => {
      for (;;) {
        try {
          return await store.append(...append);
        } catch (error) {
          if (!(error instanceof EventStoreUnavailable)) throw error;
          // A store that was closed says so at once: after a failed test this would go on for ever,
          // and nothing else.
          await delay(5);
        }
      }
    };
    const write = async (stream: string): Promise<void> => {
      for (let next = 0n; next < appendsEach; next += 1n) {
        const event = charged(padding);
        const result = await settle(stream, next === 0n ? 'no_stream' : next - 1n, [event]);
        expect(result).to.deep.include({ ok: true, revision: next });
        acknowledged.add(event.id);
      }
    };

    const end = new AbortController();
    const seen: RecordedEvent[] = [];
    const following = (async () => {
      const wanted = { after: null, prefixes: [prefix], signal: end.signal };
      for await (const message of store.subscribe(wanted)) {
        if (message.kind === 'event') seen.push(message.event);
      }
    })();

    const killing = (async () => {
      for (const share of [0.2, 0.5]) {
        const due = share * writers * appendsEach;
        await eventually('the load is under way', () => acknowledged.size > due, 20_000);
        await server.kill?.();
        await server.restart?.();
      }
    })();
    const streams = Array.from({ length: writers }, (_, w) => `${prefix}/${w}`);
    await Promise.all([killing, ...streams.map(write)]);

    const log: RecordedEvent[] = [];
    for (const stream of streams) {
      let revision = 0n;
      for await (const event of store.readStream(stream)) {
        expect(event.revision).to.equal(revision);
        revision += 1n;
        log.push(event);
      }
    }
    const ids = log.map(({ id }) => id);
    expect(ids).to.have.length(writers * appendsEach);
    expect(new Set(ids)).to.deep.equal(acknowledged);

    await eventually('the subscription has it all', () => seen.length >= log.length);
    end.abort();
    await following;
    log.sort((a, b) => (a.position < b.position ? -1 : 1));
    expect(seen.map(({ id }) => id)).to.deep.equal(log.map(({ id }) => id));
  });

  it('says unavailable within 5 s while the store is away, and works within 5 s after', async () => {
    await server.kill?.();
    const startedMs = performance.now();
    // Long enough for gRPC's own reconnect wait to grow beyond the bound below, were it in charge.
    const patient = rejection(
      store.append(`${prefix}/later`, 'no_stream', [charged()], { timeoutMs: 8_000 }),
    );
    const calls = await Promise.all([
      ...Array.from({ length: 50 }, (_, n) =>
        rejection(store.append(`${prefix}/away-${n}`, 'no_stream', [charged(padding)])),
      ),
      rejection(store.head()),
      rejection(store.readStream(`${prefix}/0`)[Symbol.asyncIterator]().next()),
    ]);
    expect(performance.now() - startedMs).to.be.below(5_000);
    for (const error of calls) expect(error).to.be.instanceOf(EventStoreUnavailable);
    expect(await store.reachable(500)).to.equal(false);
    expect(await patient).to.be.instanceOf(EventStoreUnavailable);

    await server.restart?.();
    const backMs = performance.now();
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        store.append(`${prefix}/back-${n}`, 'no_stream', [charged(padding)]),
      ),
    );
    for (const result of results) expect(result.ok).to.equal(true);
    expect(await store.reachable(1_000)).to.equal(true);
    expect(performance.now() - backMs).to.be.below(5_000);
  });
});
