import { expect } from 'chai';
import { sql } from 'kysely';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { seatsOf, startInstance } from './support/engines.ts';
import { randomInts, recorded } from './support/history.ts';
import { rowsFromScratch, tableRows } from './support/read-models.ts';
import { freshReadModels } from './support/set-up.ts';
import { last, logOf, reordered, shape, upgraded } from './support/unreadable.ts';

describe('an event that cannot be read', function () {
  this.timeout(120_000);
  const setUp = freshReadModels();
  const { parked, retry } = setUp;
  let store: ArrayEventStore;

  const start = (options = {}) => startInstance(setUp.models.url, store, options);

  beforeEach(() => {
    store = new ArrayEventStore();
  });

  it('is shown by an instance that can read it when the tables have it, and not before', async () => {
    const events = recorded(shape, 600);
    const isSale = ({ type }: RecordedEvent) => type === 'SeatReserved';
    const sales = events.slice(100).filter(isSale).slice(0, 10);
    const old = start();
    await eventually('the old one leads', () => old.projector.status().state === 'live');
    const newer = new ArrayEventStore();
    const able = startInstance(setUp.models.url, newer);
    store.append(...logOf(events.slice(0, 100), new Set()));
    newer.append(...events.slice(0, 100));
    expect(await able.projector.reached(last(events.slice(0, 100)), 20_000)).to.equal(true);
    await seatsOf(able);
    for (const event of events.slice(100)) {
      store.append(...logOf([event], new Set(sales)));
      newer.append(event);
      await new Promise(setImmediate);
    }
    expect(await able.projector.reached(last(events), 20_000)).to.equal(true);
    const fresh = startInstance(setUp.models.url, newer);
    await eventually('fresh', () => fresh.projector.status().state === 'live');
    expect(able.projector.listenersAreFresh()).to.equal(true);
    expect(await seatsOf(able)).to.equal(await seatsOf(fresh));
    const parkedBefore = await seatsOf(fresh);
    expect(await parked()).to.have.length.greaterThan(3);
    await retry(newer);
    await eventually('told', () => able.projector.status().parkedEvents === 0);
    const after = startInstance(setUp.models.url, newer);
    expect(await seatsOf(able)).not.to.equal(parkedBefore);
    expect(await seatsOf(able)).to.equal(await seatsOf(after));
    expect(await seatsOf(old)).to.equal(await seatsOf(after));
  });

  it('is shown by an instance that cannot read it, when another one wrote it', async () => {
    const events = recorded(shape, 600);
    const sales = events.filter(({ type }) => type === 'SeatReserved').slice(5);
    const newer = new ArrayEventStore();
    const able = startInstance(setUp.models.url, newer);
    await eventually('the newer one leads', () => able.projector.status().state === 'live');
    const old = start();
    for (const [n, event] of events.entries()) {
      newer.append(event);
      store.append(...logOf([event], new Set(sales)));
      if (n % 20 === 0) await seatsOf(old);
      else await new Promise(setImmediate);
    }
    expect(await old.projector.reached(last(events), 20_000)).to.equal(true);
    expect(old.projector.status()).to.include({ state: 'live', parkedEvents: 0 });
    expect(old.projector.listenersAreFresh()).to.equal(true);
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(events));
    expect(await seatsOf(old)).to.equal(await seatsOf(able));
  });

  it('gives lists that a retry changed another ETag, the same on every instance', async () => {
    const events = recorded({ ...shape, sessions: 1 }, 400);
    // Sales before others of the same session: its row's version is a later event's, and stays.
    const poison = new Set(events.filter(({ type }) => type === 'SeatReserved').slice(0, 3));
    store.append(...logOf(events, poison));
    const { projector, readSide } = start();
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    const lists = async (side: typeof readSide) =>
      Promise.all([
        side.seats('c1', 's1'),
        side.seats('c1', 's1', { availableOnly: true }),
        side.sessions('c1'),
      ]);
    const before = await lists(readSide);
    const versions = async () =>
      (await sql<{ version: bigint }>`SELECT version FROM session`.execute(setUp.models.db)).rows;
    const versionBefore = await versions();
    const log = upgraded(events);
    await retry(log);
    await eventually('told', () => projector.status().parkedEvents === 0);
    expect(await versions()).to.deep.equal(versionBefore);
    const fresh = startInstance(setUp.models.url, log);
    await eventually('fresh', () => fresh.projector.listenersAreFresh());
    const after = await lists(readSide);
    for (const [n, list] of after.entries()) {
      expect(String(list?.body)).not.to.equal(String(before[n]?.body));
      expect(list?.etag).not.to.equal(before[n]?.etag);
      expect(list?.etag).to.equal((await lists(fresh.readSide))[n]?.etag);
    }
  });

  for (let seed = 1; seed <= 16; seed += 1) {
    const goesOn = seed % 2 === 0;
    const meanwhile = goesOn ? 'while the sale goes on' : 'when all is quiet';
    it(`is retried ${meanwhile}, and the rows are as in the log's order (${seed})`, async () => {
      const inOrder = recorded({ ...shape, seed }, goesOn ? 800 : 700);
      // Of what no decider would write, too: money given back before its seat was sold.
      const events = seed > 8 ? reordered(inOrder, seed) : inOrder;
      const random = randomInts(seed);
      const poison = new Set<RecordedEvent>();
      for (let n = 0; n < 12; n += 1) poison.add(events[random(600)] as RecordedEvent);
      // Every session's, now and then: then the seats' events come before their rows.
      if (seed % 3 === 0) {
        for (const event of events) if (event.type === 'SessionScheduled') poison.add(event);
      }
      store.append(...logOf(events.slice(0, 700), poison));
      const old = start();
      expect(await old.projector.reached(last(events.slice(0, 700)), 20_000)).to.equal(true);
      expect((await parked()).length).to.be.greaterThan(3);
      await old.stop();
      const log = upgraded(events.slice(0, 700));
      const { projector, readSide } = startInstance(setUp.models.url, log, {
        limits: { batchEventsMax: 3 },
      });
      await eventually('leads', () => projector.status().state === 'live');
      const retried = retry(log);
      for (const event of events.slice(700)) {
        log.append(event);
        await new Promise(setImmediate);
      }
      expect((await retried).remaining).to.deep.equal([]);
      expect(await projector.reached(last(events), 20_000)).to.equal(true);
      const { remaining } = await retry(log);
      expect(remaining).to.deep.equal([]);
      expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(events));
      await eventually('nothing is parked', () => projector.status().parkedEvents === 0);
      // What is in memory is what a fresh instance would load.
      const fresh = startInstance(setUp.models.url, log);
      for (const n of [1, 2, 3]) {
        const ask = (side: typeof readSide) => side.seats(`c${n}`, `s${n}`);
        expect(String((await ask(readSide))?.body)).to.equal(
          String((await ask(fresh.readSide))?.body),
        );
      }
    });
  }
});
