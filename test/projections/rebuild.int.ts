import { expect } from 'chai';
import { sql } from 'kysely';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { projections } from '../../src/projections/models/registry.ts';
import type { Difference } from '../../src/projections/rebuild/compare.ts';
import type { RebuildOptions, RebuildProgress } from '../../src/projections/rebuild/options.ts';
import { rebuild } from '../../src/projections/rebuild/rebuild-tables.ts';
import { dropOld } from '../../src/projections/rebuild/shadow.ts';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance } from './support/engines.ts';
import { recorded } from './support/history.ts';
import { hashOf, rowsFromScratch, tableRows } from './support/read-models.ts';
import { freshReadModels } from './support/set-up.ts';

const shape = { seed: 5, sessions: 4, seatsPerSession: 25, users: 8 };
const last = (events: readonly RecordedEvent[]): bigint => events.at(-1)?.position ?? 0n;

describe('a rebuild', function () {
  this.timeout(60_000);
  const own = freshReadModels();
  let store: ArrayEventStore;

  beforeEach(() => {
    store = new ArrayEventStore();
  });

  /** What the callbacks were told, too. */
  async function run(options: Partial<RebuildOptions> = {}) {
    const told: RebuildProgress[] = [];
    const differences: Difference[] = [];
    const result = await rebuild({
      eventStore: store,
      pool: own.postgres.pool,
      projections,
      dryRun: false,
      signal: new AbortController().signal,
      onProgress: (progress) => told.push(progress),
      onDifference: (difference) => differences.push(difference),
      onTrouble: () => {},
      ...options,
      limits: { batchEventsMax: 200, ...options.limits },
    });
    return { ...result, told, found: differences };
  }

  const live = async (events: readonly RecordedEvent[]) => {
    store.append(...events);
    const instance = startInstance(own.models.url, store);
    expect(await instance.projector.reached(last(events), 20_000)).to.equal(true);
    return instance;
  };

  const schemas = async (): Promise<string[]> => {
    const { rows } = await sql<{ name: string }>`
      SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'reprise%' ORDER BY 1`.execute(
      own.models.db,
    );
    return rows.map(({ name }) => name);
  };

  /** Everything that PostgreSQL knows of the tables but their rows. */
  const catalog = async () => {
    const { rows } = await sql`
      SELECT relname, reloptions, relacl::text,
        (SELECT array_agg(pg_get_indexdef(indexrelid) ORDER BY indexrelid::regclass::text)
         FROM pg_index WHERE indrelid = c.oid) AS indexes,
        (SELECT array_agg(format('%s %s %s', attname, atttypid::regtype, attnotnull) ORDER BY attnum)
         FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0) AS columns,
        (SELECT array_agg(conname || pg_get_constraintdef(oid) ORDER BY conname)
         FROM pg_constraint WHERE conrelid = c.oid) AS constraints
      FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
      ORDER BY 1`.execute(own.models.db);
    return rows;
  };

  it('makes the same rows, and tables that are the same in every way', async () => {
    const events = recorded(shape, 3_000);
    await sql`GRANT SELECT ON seat TO PUBLIC`.execute(own.models.db);
    await live(events);
    const before = { tables: await catalog(), rows: hashOf(await tableRows(own.models.db)) };
    const { differences, swapped, position, told } = await run();
    expect({ differences, swapped, position }).to.deep.equal({
      differences: 0,
      swapped: true,
      position: last(events),
    });
    expect(told.map(({ step }) => step)).to.include.members([
      'filling',
      'indexing',
      'comparing',
      'swapping',
    ]);
    expect(hashOf(await tableRows(own.models.db))).to.equal(before.rows);
    expect(await catalog()).to.deep.equal(before.tables);
    expect(await schemas()).to.deep.equal(['reprise_old']);
    // And again, over the old tables that are still kept.
    await run({ projections: projections.filter(({ name }) => name === 'seat') });
    expect(await catalog()).to.deep.equal(before.tables);
    const client = await own.models.postgres.pool.connect();
    expect(await dropOld(client, 'public')).to.include.members(['seat', 'account']);
    client.release();
    expect(await schemas()).to.deep.equal([]);
  });

  it('goes on while the service writes, and no query misses a row', async () => {
    const events = recorded(shape, 4_000);
    const first = events.slice(0, 2_000);
    const { projector, db } = await live(first);
    const { rows } = await sql<{ n: bigint }>`SELECT count(*) AS n FROM seat`.execute(db);
    const seats = rows[0]?.n;
    let done = false;
    let queries = 0;
    const buyers = Array.from({ length: 2 }, async () => {
      while (!done) {
        const answer = await sql<{ n: bigint; broken: bigint }>`
          SELECT (SELECT count(*) FROM seat) AS n, count(*) AS broken FROM account
          WHERE balance < 0`.execute(db);
        expect(answer.rows[0]).to.deep.equal({ n: seats, broken: 0n });
        queries += 1;
      }
    });
    const writing = (async () => {
      for (let at = 2_000; at < events.length; at += 20) {
        store.append(...events.slice(at, at + 20));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    for (let round = 0; round < 2; round += 1) {
      const { swapped, differences } = await run();
      expect({ swapped, differences }).to.deep.equal({ swapped: true, differences: 0 });
    }
    await writing;
    done = true;
    await Promise.all(buyers);
    expect(queries).to.be.greaterThan(100);
    expect(await projector.reached(last(events), 20_000)).to.equal(true);
    expect(hashOf(await tableRows(own.models.db))).to.equal(hashOf(rowsFromScratch(events)));
  });

  it('takes short steps while buyers buy, and long ones otherwise', async () => {
    const events = recorded(shape, 8_000);
    await live(events.slice(0, 4_000));
    const limits = { batchEventsMax: 1_000, busyBatchEventsMax: 50 };
    const steps = ({ told }: { told: readonly RebuildProgress[] }) => {
      const filled = told.filter(({ step }) => step === 'filling').map((one) => one.events);
      return filled.map((one, at) => one - (filled[at - 1] ?? 0));
    };
    const quiet = steps(await run({ limits: { ...limits, lookMs: 20 } }));
    expect(Math.max(...quiet)).to.be.greaterThan(400);
    let done = false;
    const buying = (async () => {
      for (let at = 4_000; !done && at < events.length; at += 10) {
        store.append(...events.slice(at, at + 10));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    // Between two looks the live tables change for certain, however busy the machine is.
    const busy = steps(await run({ limits: { ...limits, lookMs: 300 } }));
    done = true;
    await buying;
    expect(busy.filter((one) => one <= 50).length).to.be.greaterThan(20);
  });

  it('finds planted rows, tells them and changes nothing on a dry run', async () => {
    const events = recorded(shape, 1_000);
    const { readSide } = await live(events);
    await sql`UPDATE account SET balance = balance + 7 WHERE user_id = 'u1'`.execute(own.models.db);
    await sql`DELETE FROM concert WHERE concert_id = 'c2'`.execute(own.models.db);
    await sql`INSERT INTO concert VALUES ('ghost', 'Nobody', NULL, 1)`.execute(own.models.db);
    const wrong = hashOf(await tableRows(own.models.db));
    const { differences, swapped, found } = await run({ dryRun: true });
    expect({ differences, swapped }).to.deep.equal({ differences: 3, swapped: false });
    const by = new Map(found.map((one) => [Object.values(one.key).join(), one]));
    const u1 = by.get('u1');
    expect(Number(u1?.live?.balance) - Number(u1?.rebuilt?.balance)).to.equal(7);
    expect(Object.keys(u1?.live ?? {})).to.deep.equal(['balance']);
    expect(by.get('c2')?.live).to.equal(undefined);
    expect(by.get('ghost')?.rebuilt).to.equal(undefined);
    expect(by.get('ghost')?.live?.title).to.equal('Nobody');
    expect(hashOf(await tableRows(own.models.db))).to.equal(wrong);
    expect(await schemas()).to.deep.equal([]);
    // In earnest: the rows are right again, and a running service shows it though it had them in
    // memory.
    const shown = async () => JSON.parse(String((await readSide.concerts()).body)).length;
    expect(await shown()).to.equal(shape.sessions);
    expect((await run()).differences).to.equal(3);
    await eventually('shown', async () => (await shown()) === shape.sessions);
    expect(hashOf(await tableRows(own.models.db))).to.equal(hashOf(rowsFromScratch(events)));
    expect((await run({ dryRun: true })).differences).to.equal(0);
  });

  it('has a running service forget the rows that were wrong', async () => {
    const events = recorded(shape, 500);
    store.append(...events);
    const first = startInstance(own.models.url, store);
    expect(await first.projector.reached(last(events), 20_000)).to.equal(true);
    const right = String((await first.readSide.concerts()).body);
    await first.stop();
    await sql`UPDATE concert SET title = 'Wrong'`.execute(own.models.db);
    const { readSide } = startInstance(own.models.url, store);
    const shown = async () => String((await readSide.concerts()).body);
    await eventually('the wrong ones are shown', async () => (await shown()).includes('Wrong'));
    await run();
    await eventually('the right ones are', async () => (await shown()) === right);
  });

  it('finishes at once on an empty log', async () => {
    const { projector } = startInstance(own.models.url, store);
    await eventually('live', () => projector.status().state === 'live');
    const { events, differences, swapped } = await run();
    expect({ events, differences, swapped }).to.deep.equal({
      events: 0,
      differences: 0,
      swapped: true,
    });
    // The position may move though no event is there.
    store.checkpoint(1_000n);
    await eventually('moved', async () => (await projector.reached(1_000n, 10)) || undefined);
    expect((await run()).events).to.equal(0);
  });

  it('brings what a projection of a newer version makes, and fences the older service', async () => {
    const events = recorded(shape, 500);
    const { projector } = await live(events);
    const newer = projections.map((one) => (one.name === 'seat' ? { ...one, version: 2 } : one));
    await run({ projections: newer });
    store.append(...recorded(shape, 520).slice(500));
    await eventually('fenced', () => projector.status().state === 'stopped');
    const able = startInstance(own.models.url, store, { projections: newer });
    expect(await able.projector.reached(last(recorded(shape, 520)), 10_000)).to.equal(true);
    expect(hashOf(await tableRows(own.models.db))).to.equal(
      hashOf(rowsFromScratch(recorded(shape, 520))),
    );
  });

  it('ends at an event that it cannot read, names it, and leaves nothing', async () => {
    const events = recorded(shape, 500);
    await live(events);
    const poisoned = new ArrayEventStore();
    const poison = { ...(events[250] as RecordedEvent), metadata: { schemaVersion: 99 } };
    poisoned.append(...events.slice(0, 250), poison, ...events.slice(251));
    const error = await run({ eventStore: poisoned }).catch((thrown: Error) => thrown);
    expect((error as Error).message).to.contain(`event ${poison.revision}@${poison.stream}`);
    expect(await schemas()).to.deep.equal([]);
  });

  for (const step of ['filling', 'indexing', 'comparing'] as const) {
    it(`leaves nothing when it is cancelled while ${step}`, async () => {
      const events = recorded(shape, 3_000);
      await live(events);
      const before = hashOf(await tableRows(own.models.db));
      const aborter = new AbortController();
      const error = await run({
        signal: aborter.signal,
        onProgress: (progress) => {
          if (progress.step === step && progress.events > 0) aborter.abort(new Error('cancelled'));
        },
      }).catch((thrown: Error) => thrown);
      expect((error as Error).message).to.equal('cancelled');
      expect(await schemas()).to.deep.equal([]);
      expect(hashOf(await tableRows(own.models.db))).to.equal(before);
      const { rows } = await sql<{ n: bigint }>`SELECT count(*) AS n FROM pg_locks
        WHERE locktype = 'advisory' AND objid = 7277002`.execute(own.models.db);
      expect(rows[0]?.n).to.equal(0n);
    });
  }

  it('refuses to run twice at the same time', async () => {
    await live(recorded(shape, 300));
    // The first one cannot end before the second has begun.
    const blocker = await own.models.postgres.pool.connect();
    await blocker.query('BEGIN; SELECT FROM projection_checkpoint FOR UPDATE');
    let first: Promise<unknown> | undefined;
    await new Promise<void>((resolve) => {
      first = run({ onProgress: () => resolve() });
    });
    const error = await run().catch((thrown: Error) => thrown);
    expect((error as Error).message).to.contain('another rebuild');
    await blocker.query('ROLLBACK');
    blocker.release();
    await first;
  });
});
