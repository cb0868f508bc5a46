import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { sql } from 'kysely';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import type { RebuildProgress } from '../../src/projections/rebuild/options.ts';
import { rebuild } from '../../src/projections/rebuild/rebuild-tables.ts';
import type { Written } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import {
  describeWithOwnEventStore,
  type TestEventStore,
  testEventStore,
} from '../support/servers.ts';
import { appendHistory } from './support/append-history.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { history } from './support/history.ts';
import { newerProjections } from './support/newer-projections.ts';
import { type ReadModels, readModels } from './support/read-models.ts';

type Told = Pick<RebuildProgress, 'step' | 'events'>;

describeWithOwnEventStore(
  'a deployment with read models of another shape, in processes',
  function () {
    this.timeout(120_000);
    let server: TestEventStore;
    let eventStore: EventStore;
    let models: ReadModels;
    const children = new Set<ChildProcess>();

    before(async () => {
      [server, models] = await Promise.all([testEventStore(), readModels()]);
      eventStore = connectEventStore(server.url);
    });

    after(async () => {
      for (const child of children) child.kill('SIGKILL');
      await stopInstances();
      await eventStore.close();
      await models.close();
      await server.stop();
    });

    /** A process of the later version, and what it has told. */
    const deploy = (stallAt: number) => {
      const child = fork(
        new URL('./support/renewing-process.ts', import.meta.url),
        [server.url, models.url, String(stallAt)],
        { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
      );
      children.add(child);
      const told: Told[] = [];
      child.on('message', (message) => told.push(message as Told));
      return {
        told,
        async kill() {
          const exited = once(child, 'exit');
          child.kill('SIGKILL');
          await exited;
          children.delete(child);
        },
      };
    };

    const seats = async () => {
      const { rows } = await sql<{ version: number; position: bigint }>`
      SELECT version, position FROM projection_checkpoint WHERE name = 'seat'`.execute(models.db);
      return rows[0] ?? { version: 0, position: 0n };
    };
    const built = async (): Promise<number> => {
      const { rows } = await sql<{ events: bigint }>`
      SELECT events FROM reprise_rebuild.build`.execute(models.db);
      return Number(rows[0]?.events ?? 0);
    };
    const isSwapping = async (): Promise<boolean> => {
      const { rows } = await sql`SELECT FROM pg_locks WHERE locktype = 'relation' AND NOT granted
      AND relation = 'public.seat'::regclass AND mode = 'AccessExclusiveLock'`.execute(models.db);
      return rows.length > 0;
    };

    it('is killed while it fills and before it swaps, and ends with the tables of a rebuild', async () => {
      const prefix = `renew${process.pid}x`;
      const stories = history({ seed: 8, sessions: 10, seatsPerSession: 20, users: 20, prefix });
      const revisions = new Map<string, bigint>();
      const append = (count: number) => {
        const next = Array.from({ length: count }, () => stories.next().value as Written);
        return appendHistory(eventStore, next, revisions);
      };
      const old = startInstance(models.url, eventStore);
      expect(await old.projector.reached(await append(3_000), 30_000)).to.equal(true);

      const filling = deploy(1_500);
      const isFilled = async () => (await built()) === 1_500;
      await eventually('it has filled what it could', isFilled, 30_000);
      await filling.kill();
      expect(await built()).to.equal(1_500);
      // The older service serves and writes all the while.
      expect((await seats()).version).to.equal(1);
      expect(await old.projector.reached(await append(200), 10_000)).to.equal(true);
      expect(old.projector.status().state).to.equal('live');

      // Who reads the live tables for long holds the exchange up.
      const reader = await models.postgres.pool.connect();
      await reader.query('BEGIN; SELECT count(*) FROM public.seat');
      const swapping = deploy(0);
      await eventually('it is about to swap', isSwapping, 30_000);
      await swapping.kill();
      await reader.query('ROLLBACK');
      reader.release();
      expect(swapping.told[0]).to.include({ step: 'filling' });
      expect(swapping.told[0]?.events).to.be.greaterThan(1_500);
      expect((await seats()).version).to.equal(1);
      expect(await old.projector.reached(await append(200), 10_000)).to.equal(true);
      const before = await built();

      const last = deploy(0);
      const isInPlace = async () => (await seats()).version === 2;
      await eventually('the new tables are in place', isInPlace, 30_000);
      expect(last.told[0]?.events).to.be.at.least(before);
      await eventually('the older one stops', () => old.projector.status().state === 'stopped');
      const head = await append(200);
      await eventually(
        'the newer one writes',
        async () => (await seats()).position >= head,
        10_000,
      );
      await last.kill();
      await old.stop();
      const { differences, renewed } = await rebuild({
        eventStore,
        pool: models.postgres.pool,
        projections: newerProjections,
        dryRun: true,
        signal: new AbortController().signal,
        onProgress() {},
        onDifference: (difference) => console.error(difference),
        onTrouble() {},
      });
      expect({ differences, renewed }).to.deep.equal({ differences: 0, renewed: [] });
      const { rows } = await sql<{ n: bigint }>`
      SELECT count(*) AS n FROM seat
      WHERE session_id LIKE ${`${prefix}%`} AND gate LIKE 'gate A-%'`.execute(models.db);
      expect(rows[0]?.n).to.equal(200n);
    });
  },
);
