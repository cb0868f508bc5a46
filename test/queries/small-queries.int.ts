import { expect } from 'chai';
import { type CompiledQuery, Kysely, type LogEvent, PostgresDialect } from 'kysely';
import type { Database } from '../../src/projections/models/database.ts';
import { reservationById, reservationsOf } from '../../src/queries/reservations.ts';
import { soldOutSessions } from '../../src/queries/sold-out.ts';
import { unfinishedWork } from '../../src/queries/unfinished-work.ts';
import { type WorkLists, workLists } from '../../src/queries/work-lists.ts';
import { ArrayEventStore } from '../projections/support/array-event-store.ts';
import { startInstance, stopInstances } from '../projections/support/engines.ts';
import { recorded } from '../projections/support/history.ts';
import {
  type ReadModels,
  readModels,
  rowsFromScratch,
} from '../projections/support/read-models.ts';

const events = recorded({ seed: 4, sessions: 3, seatsPerSession: 20, users: 5 }, 1_500);

describe('the small queries', function () {
  this.timeout(60_000);
  let models: ReadModels;
  let lists: WorkLists;
  const expected = rowsFromScratch(events);

  before(async () => {
    models = await readModels();
    lists = workLists(models.db);
    const store = new ArrayEventStore();
    store.append(...events);
    const { projector } = startInstance(models.url, store);
    expect(await projector.reached(events.at(-1)?.position ?? 0n, 20_000)).to.equal(true);
    await stopInstances();
  });

  after(async () => {
    await stopInstances();
    await models.close();
  });

  /**
   * The plans of what is asked, with sequential scans priced out: tables this small would be
   * scanned.
   */
  async function planOf(ask: (db: Kysely<Database>) => Promise<unknown>): Promise<string> {
    const { pool } = models.postgres;
    const asked: CompiledQuery[] = [];
    const log = ({ query }: LogEvent) => void asked.push(query);
    await ask(new Kysely<Database>({ dialect: new PostgresDialect({ pool }), log }));
    const client = await pool.connect();
    try {
      await client.query('BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL jit = off');
      const plans = [];
      for (const query of asked) {
        plans.push(await client.query(`EXPLAIN ${query.sql}`, [...query.parameters]));
      }
      return plans.flatMap(({ rows }) => rows.map((row) => Object.values(row)[0])).join('\n');
    } finally {
      client.release(true);
    }
  }

  it('find the holds that are over, the longest over first, so many at most', async () => {
    const held = expected.reservation?.filter(({ status }) => status === 'held') ?? [];
    const overMs = Date.parse('2026-01-01T00:05:00Z');
    const due = await lists.dueHolds(overMs, 1_000);
    expect(due).to.have.deep.members(
      held.map((row) => ({
        reservationId: row.reservation_id,
        userId: row.user_id,
        price: Number(row.price),
        currency: row.currency,
        expiresAtMs: overMs,
        orderId: row.order_id ?? undefined,
      })),
    );
    expect(due.length).to.be.greaterThan(3);
    expect(await lists.dueHolds(overMs - 1, 1_000)).to.deep.equal([]);
    expect(await lists.dueHolds(overMs, 2)).to.have.length(2);
    expect(await planOf((db) => workLists(db).dueHolds(overMs, 5))).to.contain('reservation_due');
  });

  it('find the payments that are open', async () => {
    const open = expected.payment?.filter(({ status }) => status === 'held') ?? [];
    const sinceMs = Date.parse('2026-01-02T00:00:00Z');
    const found = await lists.openPayments(sinceMs, 1_000);
    expect(found).to.have.deep.members(
      open.map((row) => ({ userId: row.user_id, reservationId: row.reservation_id })),
    );
    expect(found.length).to.be.greaterThan(0);
    expect(await lists.openPayments(Date.parse('2025-12-31T00:00:00Z'), 1_000)).to.deep.equal([]);
    expect(await planOf((db) => workLists(db).openPayments(sinceMs, 5))).to.contain('payment_open');
  });

  it('count what is unfinished, an order as one, with the age of the oldest, by the same indexes', async () => {
    const { reservation = [], payment = [] } = expected;
    const held = reservation.filter((row) => row.status === 'held' && row.order_id === null);
    const open = payment.filter(({ status }) => status === 'held');
    const due = payment.flatMap((row) => row.refund_due_at ?? []);
    const overMs = Date.parse('2026-01-01T00:05:00Z');
    const rowsMs = Date.parse('2026-01-02T00:00:00Z');
    const secondsSince = (times: readonly string[]) =>
      times.length === 0
        ? 0
        : (rowsMs - Math.min(...times.map((time) => Date.parse(time)))) / 1_000;
    const at = (nowMs: number) =>
      unfinishedWork(
        models.db,
        () => nowMs,
        () => rowsMs,
      );
    const counts = {
      holds: held.length,
      holdsOverdue: held.length,
      holdsOverdueOldestSeconds: 60,
      paymentsOpen: open.length,
      paymentsOpenOldestSeconds: secondsSince(open.map((row) => String(row.held_at))),
      refundsDue: due.length,
      refundsDueOldestSeconds: secondsSince(due.map(String)),
    };
    expect(await at(overMs + 60_000)).to.deep.equal(counts);
    const none = { holdsOverdue: 0, holdsOverdueOldestSeconds: 0 };
    expect(await at(overMs - 1)).to.deep.equal({ ...counts, ...none });
    expect([held.length, open.length].every((count) => count > 0)).to.equal(true);
    const plan = await planOf((db) => unfinishedWork(db, Date.now, Date.now));
    for (const index of ['reservation_due', 'payment_open', 'payment_refund_due']) {
      expect(plan).to.contain(index);
    }
    expect(plan).not.to.contain('Seq Scan');
  });

  it('find the sessions of which every seat is paid, and none with a seat that is held', async () => {
    const at = new Date('2026-01-01T12:00:00Z');
    const session = (id: string, free: number) => ({
      ...{ session_id: id, concert_id: 'c', starts_at: at, sales_open_at: at, currency: 'KRW' },
      ...{ seats_total: 2, seats_available: free, cancelled_at: null, version: '1' },
    });
    const reservation = (id: string, status: string) => ({
      ...{ reservation_id: `${id}.${status}.1`, session_id: id, seat_ids: 'A-1-1', user_id: 'u' },
      ...{ status, price: '100', currency: 'KRW', reserved_at: at, expires_at: at },
    });
    const before = await soldOutSessions(models.db);
    const sessions = [session('gone', 0), session('held', 0), session('free', 1)];
    const reservations = [
      ...[reservation('gone', 'sold'), reservation('gone', 'released')],
      ...[reservation('held', 'sold'), reservation('held', 'held'), reservation('free', 'sold')],
    ];
    await models.db.insertInto('session').values(sessions).execute();
    await models.db.insertInto('reservation').values(reservations).execute();
    try {
      const found = await soldOutSessions(models.db);
      expect([...found].filter((id) => !before.has(id))).to.deep.equal(['gone']);
      const plan = await planOf((db) => soldOutSessions(db));
      expect(plan).to.contain('reservation_due');
    } finally {
      const ids = sessions.map(({ session_id }) => session_id);
      await models.db.deleteFrom('session').where('session_id', 'in', ids).execute();
      await models.db.deleteFrom('reservation').where('session_id', 'in', ids).execute();
    }
  });

  it('find the orders that keep seats which were taken for them after they had ended', async () => {
    const at = new Date('2026-01-01T12:00:00Z');
    const row = (id: string, status: string, orderId: string | null) => ({
      reservation_id: id,
      session_id: 's',
      seat_ids: 'A-1-1',
      user_id: 'late',
      status,
      price: '100',
      currency: 'KRW',
      reserved_at: at,
      expires_at: at,
      order_id: orderId,
    });
    await models.db
      .insertInto('reservation')
      .values([
        row('order.ended', 'released', null),
        row('s.A-1-1.901', 'held', 'ended'),
        row('s.A-1-2.901', 'held', 'ended'),
        row('order.ended-empty', 'released', null),
        row('s.A-1-3.901', 'released', 'ended-empty'),
        row('order.held', 'held', null),
        row('s.A-1-4.901', 'held', 'held'),
      ] as never)
      .execute();
    try {
      const found = await planOf((db) => workLists(db).unsettledOrders(at.getTime(), 1_000));
      expect(found).to.contain('reservation_unsettled').and.contain('reservation_held_for_order');
      const before = await lists.unsettledOrders(at.getTime() - 1, 1_000);
      const after = await lists.unsettledOrders(at.getTime(), 1_000);
      expect(after.filter((id) => !before.includes(id))).to.deep.equal(['order.ended']);
    } finally {
      await models.db.deleteFrom('reservation').where('user_id', '=', 'late').execute();
    }
  });

  it('find a reservation by its id, and a user’s by the user', async () => {
    const row = expected.reservation?.find(({ status }) => status === 'sold');
    const id = String(row?.reservation_id);
    const one = await reservationById(models.db, id);
    expect(one).to.include({ reservationId: id, status: 'sold', userId: row?.user_id, price: 100 });
    expect(one?.expiresAt).to.equal('2026-01-01T00:05:00.000Z');
    expect(await reservationById(models.db, 'none')).to.equal(undefined);
    const userId = String(row?.user_id);
    const own = await reservationsOf(models.db, userId, 1_000);
    expect(own.map(({ reservationId }) => reservationId)).to.have.members(
      expected.reservation
        ?.filter(({ user_id }) => user_id === userId)
        .map(({ reservation_id }) => reservation_id) ?? [],
    );
    const times = own.map(({ reservedAt }) => reservedAt);
    expect(times).to.deep.equal([...times].sort().reverse());
  });
});
