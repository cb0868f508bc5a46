import { expect } from 'chai';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { readConfig } from '../../src/config.ts';
import { createApp } from '../../src/http/app.ts';
import { httpLimits } from '../../src/http/limits.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { RehearsalLog } from '../../src/serve/rehearsal-log.ts';
import { rehearse } from '../../src/serve/rehearse.ts';
import { fakeApi } from '../http/support/fake-api.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';
import { describeWithOwnEventStore, testEventStore } from '../support/servers.ts';

const clock = { now: Date.now, earliest: Date.now, steady: Date.now };
const shown = { concertId: '1', sessionId: '11' };

function partsOn(store: Pick<EventStore, 'append'>) {
  const deps = fakeApi();
  const app = createApp(httpLimits.answerTimeoutMs);
  return { deps, parts: { deps, app, config: readConfig({}), store, clock, shown } };
}

const reserved = {
  id: '00000000-0000-4000-8000-000000000001',
  event: { type: 'SessionCancelled', data: { sessionId: '11' } },
  metadata: { schemaVersion: 1 },
} as const;

describe('a rehearsal', function () {
  this.timeout(30_000);

  it('buys seats from the queue to the payment', async () => {
    const calls: string[] = [];
    const store = new MemoryEventStore();
    const { parts } = partsOn({
      append(stream, expected, events) {
        calls.push(...events.map(({ event }) => event.type));
        return store.append(stream, expected, events);
      },
    });
    expect(await rehearse(parts, 3_000)).to.be.above(0);
    expect(calls).to.include.members([
      'BalanceCharged',
      'SeatReserved',
      'PaymentHeld',
      'SeatSold',
      'PaymentCaptured',
    ]);
    expect(store.log).to.deep.equal([]);
  });

  it('leaves nothing with the parts of the service, and logs nothing', async () => {
    const { deps, parts } = partsOn(new MemoryEventStore());
    await rehearse(parts, 300);
    expect(deps.sales.contexts).to.deep.equal([]);
    expect([deps.queue.renewed, deps.queue.shortened]).to.deep.equal([[], []]);
    expect(deps.lines).to.deep.equal([]);
  });

  it('ends in time when the store gives no answer', async () => {
    const { parts } = partsOn({ append: () => new Promise(() => {}) });
    const sinceMs = performance.now();
    expect(await rehearse(parts, 300)).to.equal(0);
    expect(performance.now() - sinceMs).to.be.below(5_000);
  });
});

describe('the log of a rehearsal', () => {
  it('keeps an event in memory, and the store gets it with a revision that it refuses', async () => {
    const store = new MemoryEventStore();
    const log = new RehearsalLog(store, 7n);
    const appended = await log.append('seat-1/1', 'no_stream', [reserved]);
    expect(appended).to.deep.equal({ ok: true, revision: 0n, position: 7n });
    expect(await log.append('seat-1/1', 'no_stream', [reserved])).to.have.property('ok', false);
    const read = [];
    for await (const { type, revision } of log.readStream('seat-1/1')) read.push([type, revision]);
    expect(read).to.deep.equal([['SessionCancelled', 0n]]);
    expect(store.log).to.deep.equal([]);
  });

  it('would leave its events in a store that does not look at revisions (negative control)', async () => {
    const store = new MemoryEventStore();
    const careless: Pick<EventStore, 'append'> = {
      append: (stream, _, events) => store.append(stream, 'no_stream', events),
    };
    await new RehearsalLog(careless, 7n).append('seat-1/1', 'no_stream', [reserved]);
    expect(store.log).to.have.length(1);
  });
});

describeWithOwnEventStore('a rehearsal on an event store', function () {
  this.timeout(70_000);

  it('adds no event to the log, and the store answers each append', async () => {
    const server = await testEventStore();
    const store = connectEventStore(server.url);
    try {
      await store.append('concert-1', 'no_stream', [reserved]);
      const head = await store.head();
      const outcomes = new Set<boolean>();
      const { parts } = partsOn({
        async append(...given) {
          const appended = await store.append(...given);
          outcomes.add(appended.ok);
          return appended;
        },
      });
      expect(await rehearse(parts, 3_000)).to.be.above(0);
      expect([...outcomes]).to.deep.equal([false]);
      expect(await store.head()).to.equal(head);
    } finally {
      await store.close();
      await server.stop();
    }
  });
});
