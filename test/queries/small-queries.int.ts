import { expect } from 'chai';
import { type CompiledQuery, Kysely, type LogEvent, PostgresDialect, sql } from 'kysely';
import type { Database } from '../../src/projections/database.ts';
import { dueHolds } from '../../src/queries/due-holds.ts';
import { unsettledOrders } from '../../src/queries/left-over.ts';
import { openPayments } from '../../src/queries/open-payments.ts';
import { reservationById, reservationsOf } from '../../src/queries/reservations.ts';
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
  const expected = rowsFromScratch(events);

  before(async () => {
    models = await readModels();
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

  /** The plan, with sequential scans priced out: tables this small would be scanned. */
  async function plan(query: string): Promise<string> {
    return models.db.transaction().execute(async (tx) => {
      await sql`SET LOCAL enable_seqscan = off`.execute(tx);
      const { rows } = await sql.raw<Record<string, string>>(`EXPLAIN ${query}`).execute(tx);
      return rows.map((row) => Object.values(row)[0]).join('\n');
    });
  }

  /** The same of the query itself. */
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
    const heldIds = expected.reservation
      ?.filter(({ status }) => status === 'held')
      .map(({ reservation_id }) => reservation_id);
    const over = new Date('2026-01-01T00:05:00Z');
    const due = await dueHolds(models.db, over, 1_000);
    expect(due.map(({ reservationId }) => reservationId)).to.have.members(heldIds ?? []);
    expect(due.length).to.be.greaterThan(3);
    expect(await dueHolds(models.db, new Date(over.getTime() - 1), 1_000)).to.deep.equal([]);
    expect(await dueHolds(models.db, over, 2)).to.have.length(2);
    expect(
      await plan(`SELECT * FROM reservation WHERE status = 'held' AND expires_at <= now()
        ORDER BY expires_at LIMIT 5`),
    ).to.contain('reservation_due');
  });

  it('find the payments that are open', async () => {
    const open = expected.payment?.filter(({ status }) => status === 'held') ?? [];
    const found = await openPayments(models.db, new Date('2026-01-02T00:00:00Z'), 1_000);
    expect(found.map(({ paymentId, amount }) => [paymentId, String(amount)])).to.have.deep.members(
      open.map(({ payment_id, amount }) => [payment_id, amount]),
    );
    expect(found.length).to.be.greaterThan(0);
    expect(await openPayments(models.db, new Date('2025-12-31T00:00:00Z'), 1_000)).to.deep.equal(
      [],
    );
    expect(
      await plan(`SELECT * FROM payment WHERE status = 'held' AND held_at <= now()
        ORDER BY held_at LIMIT 5`),
    ).to.contain('payment_open');
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
      const found = await planOf((db) => unsettledOrders(db, at, 1_000));
      expect(found).to.contain('reservation_unsettled').and.contain('reservation_held_for_order');
      const before = await unsettledOrders(models.db, new Date(at.getTime() - 1), 1_000);
      const after = await unsettledOrders(models.db, at, 1_000);
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
