import { EventStoreDBClient } from '@eventstore/db-client';
import { expect } from 'chai';
import { sql } from 'kysely';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import type { Written } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { itWithOwnEventStore, testEventStore } from '../support/servers.ts';
import { appendHistory, wholeLog } from './support/append-history.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { history, recorded, withoutParked } from './support/history.ts';
import { rowsFromScratch, tableRows } from './support/read-models.ts';
import { freshReadModels } from './support/set-up.ts';

const shape = { seed: 31, sessions: 3, seatsPerSession: 8, users: 5 };
const events = recorded(shape, 700);
const last = (some: readonly RecordedEvent[]): bigint => some.at(-1)?.position ?? 0n;
const unreadable = (event: RecordedEvent): RecordedEvent => ({
  ...event,
  metadata: { schemaVersion: 99 },
});

describe('retrying parked events', function () {
  this.timeout(60_000);
  const setUp = freshReadModels();
  const { parked, retry } = setUp;

  const logOf = (some: readonly RecordedEvent[]) => {
    const store = new ArrayEventStore();
    store.append(...some);
    return store;
  };

  /** The tables and what is parked, as an older version leaves them. */
  const parkedBy = async (log: readonly RecordedEvent[]) => {
    const { projector, stop } = startInstance(setUp.models.url, logOf(log));
    expect(await projector.reached(last(log), 20_000)).to.equal(true);
    await stop();
  };

  /** A seat's stream that goes on after this event. */
  const sale = events.find(
    ({ type, stream }, n) =>
      type === 'SeatSold' && events.slice(n + 1).filter((one) => one.stream === stream).length > 3,
  ) as RecordedEvent;
  const own = events.filter(({ stream }) => stream === sale.stream);
  const behind = own.filter(({ revision }) => revision >= sale.revision);
  const poisoned = events.map((event) => (event === sale ? unreadable(event) : event));

  const hidden = { truncated: behind[2]?.revision ?? 0n, deleted: 2n ** 63n - 1n };
  for (const [what, revision] of Object.entries(hidden)) {
    it(`writes what a ${what} stream hides, since a rebuild reads it, too`, async () => {
      await parkedBy(poisoned);
      const log = logOf(events);
      log.truncatedBefore.set(sale.stream, revision);
      const { written, gone, remaining } = await retry(log);
      expect({ written, remaining }).to.deep.equal({ written: behind.length, remaining: [] });
      expect(gone.size).to.equal(0);
      expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(events));
    });
  }

  it('gives up what is no longer in the log, and writes what is left of the stream', async () => {
    await parkedBy(poisoned);
    const lost = new Set(behind.slice(0, 2));
    const left = events.filter((event) => !lost.has(event));
    const log = logOf(left);
    const { written, gone, remaining } = await retry(log);
    expect(remaining).to.deep.equal([]);
    expect(written).to.equal(behind.length - 2);
    expect([...gone]).to.deep.equal([[sale.stream, 2]]);
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(left));
  });

  it('parks a stream no more that the log has nothing of, and the engine goes on with it', async () => {
    await parkedBy(poisoned);
    const left = events.filter((event) => !behind.includes(event));
    const log = logOf(left);
    const { projector } = startInstance(setUp.models.url, log);
    await eventually('it knows', () => projector.status().parkedEvents === behind.length);
    const { written, gone, remaining } = await retry(log);
    expect({ written, remaining }).to.deep.equal({ written: 0, remaining: [] });
    expect([...gone]).to.deep.equal([[sale.stream, behind.length]]);
    await eventually('told', () => projector.status().parkedEvents === 0);
    const { data } = own[0] as RecordedEvent;
    const next = { ...(own[0] as RecordedEvent), data, revision: 99n, position: last(events) + 1n };
    log.append(next);
    expect(await projector.reached(next.position, 10_000)).to.equal(true);
    expect(await parked()).to.deep.equal([]);
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch([...left, next]));
    expect((await retry(log)).gone.size).to.equal(0);
  });

  it('begins at what cannot be read when what was before it is gone', async () => {
    const second = behind[2] as RecordedEvent;
    await parkedBy(poisoned.map((event) => (event === second ? unreadable(event) : event)));
    const log = logOf(
      events
        .filter((event) => event !== behind[0] && event !== behind[1])
        .map((event) => (event === second ? unreadable(event) : event)),
    );
    for (const expected of [2, undefined]) {
      const { written, gone, remaining } = await retry(log);
      expect({ written, gone: gone.get(sale.stream) }).to.deep.equal({
        written: 0,
        gone: expected,
      });
      const [one] = remaining;
      expect(one).to.include({ revision: second.revision, position: second.position });
      expect(one).to.include({ type: second.type, events: behind.length - 2 });
      expect(one?.error).to.contain(`event ${second.revision}@${sale.stream}`);
    }
  });

  it('refuses another log, which ends before what is parked', async () => {
    await parkedBy(poisoned);
    const before = await parked();
    for (const log of [[], events.slice(0, 20)]) {
      const error = await retry(logOf(log)).catch((thrown: Error) => thrown);
      expect((error as Error).message).to.contain('is this database another log');
    }
    expect(await parked()).to.deep.equal(before);
  });

  it('leaves parked what PostgreSQL refuses, says why, and writes the others', async () => {
    const others = events.filter(({ type }) => type === 'PaymentHeld').slice(0, 3);
    const poison = new Set([sale, ...others]);
    await parkedBy(events.map((event) => (poison.has(event) ? unreadable(event) : event)));
    await sql
      .raw(`ALTER TABLE reservation ADD CONSTRAINT unsold
        CHECK (payment_id IS NULL OR reservation_id <> '${(sale.data as { reservationId: string }).reservationId}')`)
      .execute(setUp.models.db);
    const log = logOf(events);
    const { written, remaining } = await retry(log);
    expect(written).to.be.greaterThan(3);
    expect(remaining).to.have.length(1);
    expect(remaining[0]).to.include({ stream: sale.stream, events: behind.length });
    expect(remaining[0]?.error).to.contain(
      `event ${sale.revision}@${sale.stream} (SeatSold): PostgreSQL refuses its rows: new row`,
    );
    expect(await tableRows(setUp.models.db)).to.deep.equal(
      rowsFromScratch(withoutParked(events, new Set([sale]))),
    );
    await sql`ALTER TABLE reservation DROP CONSTRAINT unsold`.execute(setUp.models.db);
    expect((await retry(log)).remaining).to.deep.equal([]);
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(events));
  });

  it('says anew why an event cannot be read', async () => {
    await parkedBy(poisoned);
    const log = logOf(
      events.map((event) => (event === sale ? { ...event, data: undefined } : event)),
    );
    const { remaining } = await retry(log);
    expect(remaining[0]?.error).to.contain(
      `event ${sale.revision}@${sale.stream} (SeatSold): data`,
    );
    expect(await parked()).to.deep.equal(remaining);
  });

  it('is not held up by a stream that stays parked and shares rows', async () => {
    const scheduled = events.find(({ type }) => type === 'SessionScheduled') as RecordedEvent;
    const { sessionId } = scheduled.data as { sessionId: string };
    const seat = events.find(
      ({ stream, type }) => stream.startsWith(`seat-${sessionId}/`) && type === 'SeatReserved',
    ) as RecordedEvent;
    const poison = new Set([scheduled, seat]);
    const log = (of: ReadonlySet<RecordedEvent>) =>
      events.map((event) => (of.has(event) ? unreadable(event) : event));
    await parkedBy(log(poison));
    const half = logOf(log(new Set([seat])));
    const { written, remaining } = await retry(half);
    expect(written).to.be.greaterThan(0);
    expect(remaining.map(({ stream }) => stream)).to.deep.equal([seat.stream]);
    expect(await tableRows(setUp.models.db)).to.deep.equal(
      rowsFromScratch(withoutParked(events, new Set([seat]))),
    );
  });

  itWithOwnEventStore(
    'writes what streams of a real log had that are deleted, or deleted for ever',
    async () => {
      const server = await testEventStore();
      const eventStore = connectEventStore(server.url);
      const client = EventStoreDBClient.connectionString`${server.url}`;
      try {
        const stories = history({ ...shape, prefix: `gone${process.pid}x` });
        await appendHistory(
          eventStore,
          Array.from({ length: 400 }, () => stories.next().value as Written),
        );
        const log = await wholeLog(eventStore);
        const isParked = ({ type }: RecordedEvent, n: number) => type === 'SeatSold' && n % 2 === 0;
        await parkedBy(log.map((event, n) => (isParked(event, n) ? unreadable(event) : event)));
        const streams = (await parked()).map(({ stream }) => stream);
        expect(streams.length).to.be.greaterThan(3);
        const [first = '', second = ''] = streams;
        await client.deleteStream(first);
        const { position } = await client.tombstoneStream(second);
        // The engine goes past the tombstone, too.
        const { projector } = startInstance(setUp.models.url, eventStore);
        await eventually('live', () => projector.status().state === 'live');
        const { gone, remaining } = await retry(eventStore);
        expect({ gone: gone.size, remaining }).to.deep.equal({ gone: 0, remaining: [] });
        expect(await projector.reached(position?.commit ?? 0n, 10_000)).to.equal(true);
        expect(await parked()).to.deep.equal([]);
        expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(log));
      } finally {
        await stopInstances();
        await client.dispose();
        await eventStore.close();
        await server.stop();
      }
    },
  );
});
