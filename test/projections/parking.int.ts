import { expect } from 'chai';
import { sql } from 'kysely';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { eventAt } from '../../src/events/log-position.ts';
import { readCheckpoint } from '../../src/projections/engine/checkpoint.ts';
import { writeBatch } from '../../src/projections/engine/write-batch.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { ParkingChanged } from '../../src/projections/parking/parked-table.ts';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance } from './support/engines.ts';
import { recorded, withoutParked } from './support/history.ts';
import { rowsFromScratch, tableRows } from './support/read-models.ts';
import { freshReadModels } from './support/set-up.ts';
import { last, logOf, shape, upgraded } from './support/unreadable.ts';

describe('an event that cannot be read', function () {
  this.timeout(120_000);
  const setUp = freshReadModels();
  const { parked, retry } = setUp;
  let store: ArrayEventStore;

  const start = (options = {}) => startInstance(setUp.models.url, store, options);

  beforeEach(() => {
    store = new ArrayEventStore();
  });

  it('is parked with what comes after it in its stream; other streams go on', async () => {
    const events = recorded(shape, 600);
    const first = events.find(({ type }) => type === 'SeatSold') as RecordedEvent;
    const poison = new Set([first]);
    store.append(...logOf(events, poison));
    const told: object[] = [];
    const logger = { debug() {}, warn() {}, error: (facts: object) => told.push(facts) };
    const { projector } = start({ logger, limits: { batchEventsMax: 50 } });
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    expect(await tableRows(setUp.models.db)).to.deep.equal(
      rowsFromScratch(withoutParked(events, poison)),
    );
    const behind = events.length - withoutParked(events, poison).length;
    expect(behind).to.be.greaterThan(1);
    const [one, ...others] = await parked();
    expect(others).to.deep.equal([]);
    expect(one).to.include({ stream: first.stream, revision: first.revision, events: behind });
    expect(one).to.include({ position: first.position, type: 'SeatSold' });
    expect(one?.error).to.contain(`event ${first.revision}@${first.stream} (SeatSold)`);
    expect(one?.error).to.contain('stored version 99 is newer than 1');
    expect(projector.status()).to.include({ state: 'live', parkedEvents: behind });
    expect(told).to.deep.equal([{ stream: first.stream, why: one?.error }]);
  });

  it('holds its stream back after a restart, too', async () => {
    const events = recorded(shape, 600);
    const poison = new Set([events.find(({ type }) => type === 'PaymentHeld') as RecordedEvent]);
    const log = logOf(events, poison);
    store.append(...log.slice(0, 300));
    const before = start();
    expect(await before.projector.reached(last(log.slice(0, 300)), 20_000)).to.equal(true);
    await before.stop();
    store.append(...log.slice(300));
    const { projector } = start();
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    expect(await tableRows(setUp.models.db)).to.deep.equal(
      rowsFromScratch(withoutParked(events, poison)),
    );
    const behind = events.length - withoutParked(events, poison).length;
    expect(projector.status().parkedEvents).to.equal(behind);
    expect((await parked())[0]?.events).to.equal(behind);
  });

  it('is retried up to the next one in its stream that cannot be read', async () => {
    const events = recorded(shape, 600);
    const { stream } = events.find(({ type }) => type === 'SeatSold') as RecordedEvent;
    const own = events.filter((event) => event.stream === stream);
    const [first, second] = [own[1], own[4]] as [RecordedEvent, RecordedEvent];
    store.append(...logOf(events, new Set([first, second])));
    const { projector } = start();
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    const half = upgraded(logOf(events, new Set([second])));
    const { written, remaining } = await retry(half);
    expect(written).to.equal(3);
    expect(remaining).to.have.length(1);
    expect(remaining[0]).to.include({ stream, revision: 4n, position: second.position });
    expect(remaining[0]).to.include({ type: second.type, events: own.length - 4 });
    expect(remaining[0]?.error).to.contain(`event 4@${stream} (${second.type}): stored version 99`);
    expect(await tableRows(setUp.models.db)).to.deep.equal(
      rowsFromScratch(withoutParked(events, new Set([second]))),
    );
    expect((await retry(half)).written).to.equal(0);
  });

  it('is written once, however many retry it at the same time', async () => {
    const events = recorded(shape, 700);
    const poison = new Set(events.filter((_, n) => n % 50 === 20));
    store.append(...logOf(events, poison));
    const { projector } = start();
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    const behind = projector.status().parkedEvents;
    const log = upgraded(events);
    const retried = await Promise.all([1, 2, 3].map(() => retry(log)));
    expect(retried.reduce((sum, { written }) => sum + written, 0)).to.equal(behind);
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(events));
  });

  it('would be written twice if it were not taken out of what is parked', async () => {
    const events = recorded(shape, 700);
    const poison = new Set([events.find(({ type }) => type === 'PaymentHeld') as RecordedEvent]);
    store.append(...logOf(events, poison));
    const { projector } = start();
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    await sql`CREATE TABLE kept AS SELECT * FROM parked_event`.execute(setUp.models.db);
    const log = upgraded(events);
    await retry(log);
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(events));
    await sql`INSERT INTO parked_event SELECT * FROM kept`.execute(setUp.models.db);
    await retry(log);
    expect(await tableRows(setUp.models.db)).not.to.deep.equal(rowsFromScratch(events));
  });

  it('holds nothing back any more that was retried while the batch was on its way', async () => {
    const events = recorded(shape, 300);
    const first = events.find(({ type }) => type === 'SeatSold') as RecordedEvent;
    store.append(...logOf(events, new Set([first])));
    const { projector, stop } = start();
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    await stop();
    const client = await setUp.postgres.pool.connect();
    const checkpoint = await readCheckpoint(client, projections);
    const { generation } = checkpoint;
    await retry(upgraded(events));
    const next = { ...first, revision: 99n, position: last(events) + 1n };
    const { stream, revision, position, type } = next;
    const event = { id: next.id, stream, revision, type, unreadable: undefined };
    const step = { position: eventAt(position), createdMs: 0, changes: [], isEvent: true, event };
    const streams = [{ stream, revision, position, type, error: 'it waits', events: 1 }];
    const error = await writeBatch(client, projections, checkpoint, [step], {
      streams,
      generation,
    }).catch((thrown: unknown) => thrown);
    client.release(true);
    expect(error).to.be.instanceOf(ParkingChanged);
    expect(await parked()).to.deep.equal([]);
    const after = await setUp.postgres.pool.connect();
    expect((await readCheckpoint(after, projections)).eventPosition).to.equal(last(events));
    after.release();
  });

  it('is parked whatever its names and texts are, and the service goes on', async () => {
    const events = recorded(shape, 300);
    const [registered] = events as [RecordedEvent];
    let position = last(events);
    const foreign = (stream: string, event: Partial<RecordedEvent>): RecordedEvent => {
      position += 1n;
      return { ...registered, revision: 0n, position, stream, ...event };
    };
    const charge = events.find(({ type }) => type === 'BalanceCharged') as RecordedEvent;
    const newer = { schemaVersion: 1, commandId: 'of a newer version' };
    const { type, data } = charge;
    // An id that is no key: readable otherwise, it would be written and refused, again and again.
    const long = foreign(`account-${'x'.repeat(3_000)}`, { type, data });
    const poison = [
      long,
      foreign(long.stream, { type, data, revision: 1n }),
      foreign(`account-${'x'.repeat(2_999)}y`, { type, data }),
      foreign('account-a\0b', { type, data }),
      foreign('account-a b', { type, data }),
      foreign('concert-other', { type: 'Odd\0', data: {}, metadata: newer }),
      foreign('concert-$&', { type: '$&', data: {}, metadata: newer }),
    ];
    store.append(...events, ...poison);
    const { projector, stop } = start();
    expect(await projector.reached(position, 20_000)).to.equal(true);
    expect(projector.status()).to.include({ state: 'live', parkedEvents: poison.length });
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(events));
    const found = await parked();
    expect(found.map(({ events: count }) => count)).to.deep.equal([2, 1, 1, 1, 1, 1]);
    expect(found[0]?.stream).to.match(/^account-x{192}…[0-9a-f]{64}$/);
    expect(found[0]?.error).to.contain('does not belong on this stream').and.have.length.below(400);
    expect(found[3]?.stream).to.equal('account-a b');
    expect(found[5]?.error).to.equal('event 0@concert-$& ($&): unknown type');
    await stop();
    store.append(foreign(long.stream, { type, data, revision: 2n }));
    const again = start();
    expect(await again.projector.reached(position, 20_000)).to.equal(true);
    expect(again.projector.status().parkedEvents).to.equal(poison.length + 1);
    const { written, remaining } = await retry(store);
    expect(written).to.equal(0);
    expect(remaining).to.have.length(found.length);
  });

  it('stops the engine when there are more than may be parked, after all that could be written', async () => {
    const events = recorded(shape, 600);
    const poison = new Set([events.find(({ type }) => type === 'PaymentHeld') as RecordedEvent]);
    const kept = withoutParked(events, poison);
    const behind = events.filter((event) => !kept.includes(event));
    store.append(...logOf(events, poison));
    const { projector, stop } = start({ limits: { parkedEventsMax: 3, batchEventsMax: 1_000 } });
    await eventually('stopped', () => projector.status().state === 'stopped');
    const fourth = behind[3] as RecordedEvent;
    expect(projector.status().error).to.contain(`event ${fourth.revision}@${fourth.stream}`);
    expect(projector.status().error).to.contain('3 events are parked, as many as may be');
    expect(projector.status().parkedEvents).to.equal(3);
    const before = events.slice(0, events.indexOf(fourth));
    expect(await tableRows(setUp.models.db)).to.deep.equal(
      rowsFromScratch(withoutParked(before, poison)),
    );
    await stop();
    expect((await retry(upgraded(events))).remaining).to.deep.equal([]);
    const able = startInstance(setUp.models.url, upgraded(events), {
      limits: { parkedEventsMax: 3 },
    });
    expect(await able.projector.reached(last(events), 20_000)).to.equal(true);
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(events));
  });

  it('is forgotten with the tables that it was kept from', async () => {
    const events = recorded(shape, 600);
    const poison = new Set([events.find(({ type }) => type === 'SeatSold') as RecordedEvent]);
    store.append(...logOf(events, poison));
    const first = start();
    expect(await first.projector.reached(last(events), 20_000)).to.equal(true);
    await first.stop();
    await sql`TRUNCATE concert, session, seat, reservation, account, payment,
      projection_checkpoint`.execute(setUp.models.db);
    const { projector } = startInstance(setUp.models.url, upgraded(events));
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    expect(projector.status().parkedEvents).to.equal(0);
    expect(await parked()).to.deep.equal([]);
    expect(await tableRows(setUp.models.db)).to.deep.equal(rowsFromScratch(events));
  });
});
