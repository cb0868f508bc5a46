import { expect } from 'chai';
import { sql } from 'kysely';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { readParked } from '../../src/projections/parking/parked-table.ts';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { seatsOf, startInstance, stopInstances } from './support/engines.ts';
import { recorded, withoutParked } from './support/history.ts';
import { type ReadModels, readModels, rowsFromScratch, tableRows } from './support/read-models.ts';

const shape = { seed: 21, sessions: 3, seatsPerSession: 8, users: 5 };
const events = recorded(shape, 600);
const last = events.at(-1)?.position ?? 0n;

const find = (type: string, after = 0) =>
  events.slice(after).find((event) => event.type === type) as RecordedEvent;
/** A row that is put again in the same transaction is not looked at. */
const lastRevision = events.findLast(({ type }) => type === 'ConcertRevised') as RecordedEvent;
const withData = (event: RecordedEvent, data: object): RecordedEvent => ({
  ...event,
  data: { ...(event.data as object), ...data },
});

/** PostgreSQL reads no time of more than 128 characters; the schema does. */
const longTime = `2026-01-01T00:00:00.${'1'.repeat(150)}Z`;

/** Text that cannot be compressed. */
const noise = Array.from({ length: 1_000 }, (_, n) =>
  String.fromCharCode(0x4e00 + ((n * 7919) % 20_000)),
).join('');

describe('an event whose rows PostgreSQL refuses', function () {
  this.timeout(60_000);
  let models: ReadModels;
  let store: ArrayEventStore;

  const start = (options = {}) => startInstance(models.url, store, options);
  const parked = () => readParked(models.postgres.pool);
  const run = (statement: string) => sql.raw(statement).execute(models.db);

  beforeEach(async () => {
    models = await readModels();
    store = new ArrayEventStore();
  });

  afterEach(async () => {
    await stopInstances();
    await models.close();
  });

  const cases = [
    {
      what: 'its data (class 22)',
      prepare: undefined,
      event: find('SeatReserved', 100),
      data: { expiresAt: longTime },
      says: 'invalid input syntax for type timestamp with time zone',
    },
    {
      what: 'a constraint (class 23)',
      prepare: "ALTER TABLE concert ADD CONSTRAINT polite CHECK (title <> 'rude')",
      event: lastRevision,
      data: { title: 'rude' },
      says: 'violates check constraint "polite"',
    },
    {
      what: 'a limit (class 54)',
      prepare: 'CREATE INDEX by_title ON concert (title)',
      event: lastRevision,
      data: { title: noise },
      says: 'index row ',
    },
  ];
  for (const { what, prepare, event, data, says } of cases) {
    it(`for ${what} is parked with its stream, and the others go on`, async () => {
      if (prepare !== undefined) await run(prepare);
      const log = events.map((one) => (one === event ? withData(one, data) : one));
      const poison = new Set([log[events.indexOf(event)] as RecordedEvent]);
      store.append(...log);
      const told: object[] = [];
      const logger = { debug() {}, warn() {}, error: (facts: object) => told.push(facts) };
      const leader = start({ logger });
      const standby = start({ logger });
      for (const one of [leader, standby]) {
        expect(await one.projector.reached(last, 20_000)).to.equal(true);
      }
      const kept = withoutParked(log, poison);
      expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(kept));
      const [one, ...others] = await parked();
      expect(others).to.deep.equal([]);
      const { stream, revision, position, type } = event;
      expect(one).to.include({
        stream,
        revision,
        position,
        type,
        events: log.length - kept.length,
      });
      expect(one?.error).to.contain(`event ${revision}@${stream} (${type}): PostgreSQL refuses`);
      expect(one?.error).to.contain(says).and.have.length.below(450);
      expect(told).to.deep.equal([{ stream, why: one?.error }]);
      for (const { projector } of [leader, standby]) {
        await eventually('live', () => projector.status().state === 'live');
        expect(projector.status().parkedEvents).to.equal(log.length - kept.length);
        expect(projector.status().error).to.equal(undefined);
      }
      const fresh = start();
      await eventually('fresh', () => fresh.projector.listenersAreFresh());
      expect(await seatsOf(leader)).to.equal(await seatsOf(fresh));
      expect(await seatsOf(standby)).to.equal(await seatsOf(fresh));
    });
  }

  it('is found among many that are refused, too, in few transactions', async () => {
    const poison = new Set(
      events
        .filter(({ type }, n) => type === 'SeatReserved' && n % 10 < 3)
        .map((event) => withData(event, { expiresAt: longTime })),
    );
    const revised = new Map([...poison].map((event) => [event.position, event]));
    const log = events.map((event) => revised.get(event.position) ?? event);
    expect(poison.size).to.be.greaterThan(10);
    store.append(...log);
    const { projector } = start();
    expect(await projector.reached(last, 20_000)).to.equal(true);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(withoutParked(log, poison)));
    const { rows } = await sql<{ n: bigint }>`SELECT xact_rollback AS n FROM pg_stat_database
      WHERE datname = current_database()`.execute(models.db);
    // At most the logarithm of a batch for each.
    expect(Number(rows[0]?.n)).to.be.lessThan(poison.size * 10 + 20);
  });

  it('stops the engine when no more may be parked, and is named', async () => {
    const event = find('SeatReserved', 100);
    const log = events.map((one) => (one === event ? withData(one, { expiresAt: longTime }) : one));
    store.append(...log);
    const { projector } = start({ limits: { parkedEventsMax: 0 } });
    await eventually('stopped', () => projector.status().state === 'stopped');
    const { error } = projector.status();
    expect(error).to.contain(`event ${event.revision}@${event.stream} (SeatReserved): PostgreSQL`);
    expect(await tableRows(models.db)).to.deep.equal(
      rowsFromScratch(log.slice(0, events.indexOf(event))),
    );
  });

  // Serialization, out of disk, statement timeout, input/output error.
  for (const code of ['40001', '53100', '57014', '58030']) {
    it(`is written later when it was for the server's trouble (${code})`, async () => {
      await run(`CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = '${code}'; END $$`);
      await run('CREATE TRIGGER trouble BEFORE INSERT ON reservation EXECUTE FUNCTION trouble()');
      store.append(...events);
      const { projector } = start({ limits: { retryMsMax: 20 } });
      await eventually('it fails', () => projector.status().error === 'trouble');
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await parked()).to.deep.equal([]);
      await run('DROP TRIGGER trouble ON reservation');
      expect(await projector.reached(last, 20_000)).to.equal(true);
      expect(await parked()).to.deep.equal([]);
      expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(events));
    });
  }
});
