import { EventStoreDBClient } from '@eventstore/db-client';
import { expect } from 'chai';
import { Kysely, PostgresDialect } from 'kysely';
import { migrate } from '../../migrations/migrate.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { connectPostgres, type Postgres } from '../../src/infrastructure/postgres.ts';
import { runProjections } from '../../src/projections/engine/engine.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { verify } from '../../src/verify/verify-log.ts';
import {
  describeWithOwnEventStore,
  type TestDatabase,
  type TestEventStore,
  testDatabase,
  testEventStore,
} from '../support/servers.ts';
import { World } from './support/world.ts';

const tables = [
  'concert',
  'session',
  'seat',
  'reservation',
  'account',
  'payment',
  'projection_checkpoint',
];
const silent = { debug() {}, warn() {}, error() {} };

describeWithOwnEventStore('the comparison of PostgreSQL with the log', function () {
  this.timeout(60_000);
  let store: TestEventStore;
  let database: TestDatabase;
  let postgres: Postgres;
  let client: EventStoreDBClient;
  let world: World;
  let reservation: string;

  const project = async () => {
    const eventStore = connectEventStore(store.url);
    const aborter = new AbortController();
    const { pool } = postgres;
    const options = { eventStore, pool, projections, logger: silent, signal: aborter.signal };
    const projector = runProjections(options);
    const head = await eventStore.head();
    expect(await projector.reached(head ?? 0n, 30_000), 'caught up').to.equal(true);
    aborter.abort();
    await projector.done;
    await eventStore.close();
  };

  before(async () => {
    store = await testEventStore();
    database = await testDatabase();
    postgres = connectPostgres(database.url);
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: postgres.pool }) });
    await migrate(db);
    client = EventStoreDBClient.connectionString(store.url);
    world = new World(client);
    reservation = world.reservation();
    await world.begin();
    await world.buy();
    await world.seat('SeatReserved', {}, 'A-1-2');
    const refunded = new World(client);
    await refunded.begin();
    await refunded.buyOrder();
    await refunded.cancelSession();
    await refunded.order('OrderEnded', { reason: 'refunded' });
    for (const seat of ['A-1-1', 'A-1-2']) {
      const { orderReservation } = refunded;
      const back = { reason: 'refunded', paymentId: `pay.${orderReservation}`, amount: 100 };
      await refunded.orderSeat('SeatReleased', seat, back);
    }
    await refunded.orderPayment('PaymentRefunded');
    await refunded.order('OrderSettled');
    const left = new World(client);
    await left.begin();
    await left.seat('SeatReserved', { expiresAt: '2024-01-01T00:00:00.000Z' });
    await left.payment('PaymentHeld');
    await left.seat('SeatReleased');
    await left.payment('PaymentReleased');
    const open = new World(client);
    await open.begin();
    await open.reserveOrder();
    await project();
    for (const table of tables) {
      await postgres.pool.query(`CREATE TABLE kept_${table} AS TABLE ${table}`);
    }
  });
  afterEach(async () => {
    for (const table of tables) {
      await postgres.pool.query(`TRUNCATE ${table}; INSERT INTO ${table} TABLE kept_${table}`);
    }
  });
  after(async () => {
    await client?.dispose();
    await postgres?.close();
    await database?.drop();
    await store?.stop();
  });

  const run = () => verify({ eventStoreUrl: store.url, postgresUrl: database.url });

  /** What is found, a line each. */
  const find = async (): Promise<string[]> =>
    (await run()).violations.listed.map(({ code, row, detail }) => `${code} ${row}: ${detail}`);

  it('finds nothing in what the projections wrote, of every kind of event', async () => {
    const { violations, rows } = await run();
    expect(violations.listed).to.deep.equal([]);
    const { concert, session, seat, account } = rows?.tables ?? {};
    expect({ concert, session, seat, account }).to.deep.equal({
      concert: 4,
      session: 4,
      seat: 8,
      account: 8,
    });
    expect(rows?.tables).to.include({ reservation: 9, payment: 3 });
  });

  it('compares as of the checkpoint, and proves the log to its end', async () => {
    const behind = new World(client);
    await behind.begin();
    await behind.buy();
    expect(await find()).to.deep.equal([]);
    await project();
    expect(await find(), 'caught up').to.deep.equal([]);
    for (const table of tables) {
      await postgres.pool.query(`TRUNCATE kept_${table}; INSERT INTO kept_${table} TABLE ${table}`);
    }
  });

  /** Each planted by one statement, and the one line that tells it. */
  const planted: Record<string, () => [sql: string, found: string | RegExp]> = {
    'a row missing': () => [
      `DELETE FROM seat WHERE session_id = '${world.session}' AND seat_id = 'A-1-1'`,
      `row-missing seat ${world.session}/A-1-1: the log asks for it`,
    ],
    'a payment missing': () => [
      `DELETE FROM payment WHERE payment_id = 'pay.${reservation}'`,
      `row-missing payment pay.${reservation}: the log asks for it`,
    ],
    'a row extra': () => [
      `INSERT INTO account VALUES ('nobody', 1, 0, 'KRW')`,
      'row-extra account nobody: no event of the log made it',
    ],
    'a reservation extra': () => [
      `INSERT INTO reservation SELECT 'made.up.1', session_id, seat_ids, user_id, status, price, currency,
       reserved_at, expires_at FROM reservation WHERE reservation_id = '${reservation}'`,
      'row-extra reservation made.up.1: no event of the log made it',
    ],
    'a wrong status': () => [
      `UPDATE seat SET status = 'available' WHERE reservation_id = '${reservation}'`,
      `row-differs seat ${world.session}/A-1-1: status is available, the log says sold`,
    ],
    'a wrong amount': () => [
      `UPDATE payment SET amount = amount + 1 WHERE payment_id = 'pay.${reservation}'`,
      `row-differs payment pay.${reservation}: amount is 101, the log says 100`,
    ],
    'a wrong balance': () => [
      `UPDATE account SET balance = balance - 1 WHERE user_id = '${world.buyer}'`,
      `row-differs account ${world.buyer}: balance is 899, the log says 900`,
    ],
    'a wrong number of seats': () => [
      `UPDATE session SET seats_available = 1 WHERE session_id = '${world.session}'`,
      `row-differs session ${world.session}: seats_available is 1, the log says 0`,
    ],
    'a wrong owner': () => [
      `UPDATE reservation SET user_id = 'thief' WHERE reservation_id = '${reservation}'`,
      `row-differs reservation ${reservation}: user_id is thief, the log says ${world.buyer}`,
    ],
    'a wrong time': () => [
      `UPDATE reservation SET expires_at = '2020-01-01Z' WHERE reservation_id = '${reservation}'`,
      /^row-differs reservation .*: expires_at is 2020-01-01T00:00:00.000Z, the log says 20/,
    ],
    'a payment that nobody is owed': () => [
      `UPDATE payment SET refund_due_at = '2020-01-01Z' WHERE payment_id = 'pay.${reservation}'`,
      /refund_due_at is 2020-01-01T00:00:00.000Z, the log says empty$/,
    ],
    'a wrong title': () => [
      `UPDATE concert SET title = 'U' WHERE concert_id = 'c${world.session}'`,
      `row-differs concert c${world.session}: title is U, the log says T`,
    ],
    'two columns of one row': () => [
      `UPDATE seat SET price = 1, user_id = NULL WHERE reservation_id = '${reservation}'`,
      /price is 1, the log says 100; user_id is empty, the log says b/,
    ],
    'checkpoints that differ': () => [
      `UPDATE projection_checkpoint SET position = position - 1 WHERE name = 'seat'`,
      /^wrong-checkpoint projection_checkpoint: the projections are at different positions/,
    ],
    'a last event that is another': () => [
      `UPDATE projection_checkpoint SET event_id = '00000000-0000-4000-8000-000000000000'
       WHERE name = 'seat'`,
      /^wrong-checkpoint projection_checkpoint seat: its last event is 0{8}-.* the log has [0-9a-f-]{36} at \d+/,
    ],
    'tables of another log': () => [
      `UPDATE projection_checkpoint SET position = position + 1000000,
       event_position = event_position + 1000000 WHERE name IS NOT NULL`,
      /^wrong-checkpoint projection_checkpoint account: it has an event at \d+, the log ends at \d+/,
    ],
  };
  for (const [name, plant] of Object.entries(planted)) {
    it(`finds ${name}`, async () => {
      const [sql, asked] = plant();
      const { rowCount } = await postgres.pool.query(sql);
      expect(rowCount, 'planted').to.be.greaterThan(0);
      const found = await find();
      expect(found).to.have.length(name === 'tables of another log' ? 5 : 1);
      if (typeof asked === 'string') expect(found[0]).to.equal(asked);
      else expect(found[0]).to.match(asked);
    });
  }

  it('names the event that changed a wrong row last', async () => {
    await postgres.pool.query(
      `UPDATE seat SET status = 'held' WHERE reservation_id = '${reservation}'`,
    );
    const [violation] = (await run()).violations.listed;
    expect(violation).to.include({ stream: `seat-${world.session}/A-1-1`, revision: 1n });
  });

  it('says that there are no read models when there are none', async () => {
    const empty = await testDatabase();
    const failure = await verify({ eventStoreUrl: store.url, postgresUrl: empty.url }).catch(
      (error: unknown) => error,
    );
    await empty.drop();
    expect(failure)
      .to.be.instanceOf(Error)
      .with.property('message')
      .that.contains('does not exist');
  });
});
