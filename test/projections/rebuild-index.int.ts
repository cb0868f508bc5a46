import { expect } from 'chai';
import { sql } from 'kysely';
import { projections } from '../../src/projections/models/registry.ts';
import type { Difference } from '../../src/projections/rebuild/compare.ts';
import type { RebuildLimits } from '../../src/projections/rebuild/options.ts';
import { rebuild } from '../../src/projections/rebuild/rebuild-tables.ts';
import { eventually } from '../support/eventually.ts';
import { ArrayEventStore } from './support/array-event-store.ts';
import { startInstance } from './support/engines.ts';
import { recorded } from './support/history.ts';
import { freshReadModels } from './support/set-up.ts';

const shape = { seed: 9, sessions: 4, seatsPerSession: 25, users: 8 };

describe('the indexes of a rebuild', function () {
  this.timeout(60_000);
  const own = freshReadModels();

  /**
   * Runs a rebuild in which one row differs. Another session keeps one of the new tables from
   * getting its indexes, until it lets go.
   */
  async function held(limits: Partial<RebuildLimits>) {
    const store = new ArrayEventStore();
    const events = recorded(shape, 3_000);
    store.append(...events);
    const { projector } = startInstance(own.models.url, store);
    expect(await projector.reached(events.at(-1)?.position ?? 0n, 20_000)).to.equal(true);
    await sql`UPDATE account SET balance = balance + 7 WHERE user_id = 'u1'`.execute(own.models.db);
    const client = await own.models.postgres.pool.connect();
    const steps: string[] = [];
    const found: Difference[] = [];
    let locked: Promise<unknown> | undefined;
    const result = rebuild({
      eventStore: store,
      pool: own.postgres.pool,
      projections,
      dryRun: true,
      signal: new AbortController().signal,
      onProgress: ({ step }) => {
        if (steps.at(-1) !== step) steps.push(step);
        locked ??= client.query(
          'BEGIN; LOCK TABLE reprise_rebuild.reservation IN ROW EXCLUSIVE MODE',
        );
      },
      onDifference: (difference) => found.push(difference),
      onTrouble: () => {},
      limits: { batchEventsMax: 100, busyBatchEventsMax: 100, ...limits },
    });
    result.catch(() => {});
    await eventually('the indexes wait', async () => {
      const { rows } = await sql`SELECT FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE INDEX%'`.execute(own.models.db);
      return rows.length > 0;
    });
    const letGo = async () => {
      await locked;
      await client.query('ROLLBACK');
      client.release();
    };
    return { steps, found, letGo, result };
  }

  it('are made while the rows are compared, if nobody uses the service', async () => {
    const { steps, found, letGo, result } = await held({ lookMs: 1 });
    try {
      await eventually('the rows are compared', () => found.length === 1);
    } finally {
      await letGo();
    }
    expect((await result).differences).to.equal(1);
    expect(steps).to.deep.equal(['filling', 'indexing', 'comparing']);
  });

  it('are made before the rows are compared, if buyers may use the service', async () => {
    const unknown = { lookMs: 60_000, busyEventsPerSecond: 1_000_000 };
    const { steps, letGo, result } = await held(unknown);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(steps).to.deep.equal(['filling', 'indexing']);
    await letGo();
    expect((await result).differences).to.equal(1);
    expect(steps).to.deep.equal(['filling', 'indexing', 'comparing']);
  });
});
