import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { sql } from 'kysely';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { skipEvent } from '../../src/commands/skipping/skip-event.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { RecentStreams, RowComparison } from '../../src/processes/compare-rows.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { retryParked } from '../../src/projections/parking/retry.ts';
import type { Projector } from '../../src/projections/projector.ts';
import { rowSamples } from '../../src/queries/row-samples.ts';
import { appendHistory } from '../projections/support/append-history.ts';
import { startInstance, stopInstances } from '../projections/support/engines.ts';
import { history } from '../projections/support/history.ts';
import { type ReadModels, readModels } from '../projections/support/read-models.ts';
import { foreignEvent } from '../support/foreign-event.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';

describeWithOwnEventStore('rows are compared with the log', function () {
  this.timeout(120_000);
  let server: TestEventStore;
  let store: EventStore;
  let models: ReadModels;
  let told: string[];
  let recent: RecentStreams;
  let comparison: RowComparison;
  let projector: Projector;
  const prefix = `rows${process.pid}x`;

  before(async () => {
    models = await readModels();
    server = await testEventStore();
    store = connectEventStore(server.url, { onAppended: (stream) => recent.note(stream) });
    recent = new RecentStreams();
    const shape = { seed: 4, sessions: 3, seatsPerSession: 30, users: 25, prefix };
    const events = history(shape);
    const end = await appendHistory(
      store,
      Array.from({ length: 900 }, () => events.next().value),
    );
    ({ projector } = startInstance(models.url, store));
    expect(await projector.reached(end, 60_000)).to.equal(true);
  });

  beforeEach(() => {
    told = [];
    const log = { error: (facts: object) => told.push((facts as { stream: string }).stream) };
    comparison = new RowComparison({
      store,
      samples: rowSamples(models.db),
      recent,
      isTime: () => true,
      log,
      signal: new AbortController().signal,
      onError: (_, error) => {
        throw error;
      },
    });
  });

  after(async () => {
    await stopInstances();
    await store?.close();
    await server?.stop();
    await models?.close();
  });

  /** Enough for a walk over 90 seats and 25 accounts, and back. */
  const walk = async () => {
    for (let round = 0; round < 7; round += 1) await comparison.round();
  };
  const [seat] = [`seat-${prefix}s2/A-1-7`];
  const breakSeat = sql`UPDATE seat SET status = 'sold', user_id = 'nobody', reservation_id = 'none'
    WHERE session_id = ${`${prefix}s2`} AND seat_id = 'A-1-7'`;

  it('and nothing is said of rows that are right', async () => {
    await walk();
    expect([...comparison.wrong]).to.deep.equal([]);
    expect(told).to.deep.equal([]);
  });

  it('and a wrong seat and a wrong balance are found by a walk, told once, and forgotten when they are right', async () => {
    const user = `${prefix}u3`;
    const before = await sql<{ session_id: string; seat_id: string; status: string }>`
      SELECT * FROM seat WHERE session_id = ${`${prefix}s2`} AND seat_id = 'A-1-7'`.execute(
      models.db,
    );
    expect(before.rows).to.have.length(1);
    await breakSeat.execute(models.db);
    await sql`UPDATE account SET balance = balance + 1 WHERE user_id = ${user}`.execute(models.db);
    await walk();
    await walk();
    expect(told.sort()).to.deep.equal([`account-${user}`, seat].sort());
    expect(comparison.wrong.get(seat)).to.match(/the row says sold by nobody .* the log says/);
    const { status, reservation_id, user_id } = before.rows[0] as Record<string, unknown>;
    await sql`UPDATE seat SET status = ${status}, reservation_id = ${reservation_id},
      user_id = ${user_id} WHERE session_id = ${`${prefix}s2`} AND seat_id = 'A-1-7'`.execute(
      models.db,
    );
    await sql`UPDATE account SET balance = balance - 1 WHERE user_id = ${user}`.execute(models.db);
    await comparison.round();
    expect([...comparison.wrong]).to.deep.equal([]);
  });

  it('and what was skipped is in neither', async () => {
    const { rows } = await sql<{ stream: string }>`
      (SELECT 'seat-' || session_id || '/' || seat_id AS stream FROM seat
       WHERE status = 'sold' LIMIT 1)
      UNION ALL (SELECT 'account-' || user_id FROM account LIMIT 1)`.execute(models.db);
    expect(rows).to.have.length(2);
    for (const { stream } of rows) {
      let last = -1n;
      for await (const { revision } of store.readStream(stream)) last = revision;
      const id = randomUUID();
      const event = foreignEvent('Foreign', {});
      await store.append(stream, last, [{ id, event, metadata: { schemaVersion: 1 } }]);
      const named = { stream, revision: last + 1n, id };
      await skipEvent(store, named, { reason: 'r', nowMs: Date.now() });
    }
    const { pool } = models.postgres;
    expect(await projector.reached((await store.head()) ?? 0n, 20_000)).to.equal(true);
    const { signal } = new AbortController();
    const parts = { eventStore: store, pool, projections, signal, onProgress() {} };
    expect((await retryParked(parts)).remaining).to.deep.equal([]);
    for (const { stream } of rows) recent.note(stream);
    await walk();
    expect(told).to.deep.equal([]);
  });

  it('and what this process wrote lately comes first', async () => {
    recent.take(10_000);
    recent.note(seat);
    recent.note('order-of-no-interest');
    const saved = await sql`SELECT status, reservation_id, user_id FROM seat
      WHERE session_id = ${`${prefix}s2`} AND seat_id = 'A-1-7'`.execute(models.db);
    await breakSeat.execute(models.db);
    await comparison.round();
    expect([...comparison.wrong.keys()]).to.deep.equal([seat]);
    const { status, reservation_id, user_id } = saved.rows[0] as Record<string, unknown>;
    await sql`UPDATE seat SET status = ${status}, reservation_id = ${reservation_id},
      user_id = ${user_id} WHERE session_id = ${`${prefix}s2`} AND seat_id = 'A-1-7'`.execute(
      models.db,
    );
  });
});
