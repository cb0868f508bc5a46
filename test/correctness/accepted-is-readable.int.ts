import { expect } from 'chai';
import fc from 'fast-check';
import { Kysely, PostgresDialect } from 'kysely';
import { migrate } from '../../migrations/migrate.ts';
import { Catalog } from '../../src/commands/concert/catalog.ts';
import { type CatalogConcert, readCatalog } from '../../src/commands/concert/catalog-file.ts';
import { CatalogFileError } from '../../src/commands/concert/catalog-file-error.ts';
import { importCatalog } from '../../src/commands/concert/import-catalog.ts';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import type { Result } from '../../src/commands/core/result.ts';
import { decode } from '../../src/events/codec.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { connectPostgres } from '../../src/infrastructure/postgres.ts';
import { runProjections } from '../../src/projections/engine/engine.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { verify } from '../../src/verify/verify-log.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';
import { testDatabase, testEventStore } from '../support/servers.ts';
import { nastyCatalog } from './support/nasty.ts';
import { nastySteps, runNastySteps } from './support/nasty-steps.ts';
import { expectReadable } from './support/proof.ts';

/** So many catalogs, and so many sequences of commands. */
const runs = 10_000;

describe('whatever is accepted can be read, is verified clean and rebuilt equal; whatever is not says why', function () {
  this.timeout(300_000);

  it(`${runs} nasty catalogs`, async () => {
    const counts = { accepted: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(nastyCatalog, async (bytes) => {
        const concerts = read(bytes);
        counts[concerts === undefined ? 'refused' : 'accepted'] += 1;
        if (concerts === undefined) return;
        const store = new MemoryEventStore();
        const bring = async () => {
          const catalog = new Catalog();
          for (const event of store.log) catalog.apply(decode(event));
          return [...new Set(await imported(concerts, store, catalog))];
        };
        expect(await bring()).to.deep.equal(['created']);
        const { length } = store.log;
        expect(await bring(), 'again').to.deep.equal(['unchanged']);
        expect(store.log, 'again').to.have.length(length);
        expectReadable(store.log);
      }),
      { numRuns: runs },
    );
    expect(counts.accepted, 'accepted').to.be.greaterThan(runs / 5);
    expect(counts.refused, 'refused').to.be.greaterThan(runs / 5);
  });

  it(`${runs} nasty sequences of commands`, async () => {
    const outcomes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(nastySteps, async (steps) => {
        const store = new MemoryEventStore();
        for (const result of await runNastySteps(steps, store)) count(outcomes, result);
        expectReadable(store.log);
      }),
      { numRuns: runs },
    );
    for (const code of ['ok', 'unwritable', 'balance-too-large', 'balance-too-small']) {
      expect(outcomes.get(code) ?? 0, code).to.be.greaterThan(runs / 100);
    }
  });
});

describe('the same through the servers', function () {
  this.timeout(300_000);

  it('some nasty catalogs and commands: verified clean, row by row', async function () {
    const server = await testEventStore();
    // A shared log is full of others' events.
    if (server.kill === undefined) return this.skip();
    const database = await testDatabase();
    const store = connectEventStore(server.url);
    try {
      await runNastySteps(fc.sample(nastySteps, 60).flat(), store);
      const catalog = new Catalog();
      let accepted = 0;
      for (const bytes of fc.sample(nastyCatalog, 40)) {
        const concerts = read(bytes);
        if (concerts === undefined) continue;
        accepted += 1;
        await imported(concerts, store, catalog);
      }
      expect(accepted).to.be.greaterThan(0);
      await project(store, database.url);
      const { violations, log } = await verify({
        eventStoreUrl: server.url,
        postgresUrl: database.url,
        graceMs: 86_400_000,
      });
      expect(violations.listed).to.deep.equal([]);
      expect(log.events).to.be.greaterThan(20);
    } finally {
      await store.close();
      await database.drop();
      await server.stop();
    }
  });
});

/** Brings the log to what the catalog says. @returns what became of each part */
async function imported(
  concerts: readonly CatalogConcert[],
  store: EventStore,
  catalog: Catalog,
): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  const parts = { store, catalog, currency: 'KRW' };
  for await (const { outcome } of importCatalog(concerts, parts)) outcomes.push(outcome);
  return outcomes;
}

/** Makes the read models of all that is in the log. */
async function project(eventStore: EventStore, url: string): Promise<void> {
  const postgres = connectPostgres(url);
  const { pool } = postgres;
  await migrate(new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }));
  const aborter = new AbortController();
  const logger = { debug() {}, warn() {}, error() {} };
  const projector = runProjections({
    eventStore,
    pool,
    projections,
    logger,
    signal: aborter.signal,
  });
  const head = await eventStore.head();
  expect(await projector.reached(head ?? 0n, 60_000), 'caught up').to.equal(true);
  aborter.abort();
  await projector.done;
  await postgres.close();
}

/** What is in the file; undefined when it is refused, as it must be: each fault with its place. */
function read(bytes: Buffer) {
  try {
    return readCatalog(bytes);
  } catch (error) {
    if (!(error instanceof CatalogFileError)) throw error;
    const [first, ...faults] = error.message.split('\n');
    expect(first).to.equal('the catalog cannot be used:');
    expect(faults).to.have.length.greaterThan(0);
    for (const fault of faults) {
      expect(fault).to.match(/^ {2}(not JSON|not UTF-8|(file|concerts|seatMaps|c)[.\w]*): ./);
    }
    return undefined;
  }
}

function count(outcomes: Map<string, number>, result: Result<unknown>): void {
  const outcome = result.ok ? 'ok' : result.refusal.code;
  if (!result.ok) expect(result.refusal.detail).to.have.length.greaterThan(10);
  if (outcome === 'unwritable' && !result.ok) {
    expect(result.refusal.detail).to.match(/^[A-Z]\w+\.\w+: ./);
  }
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}
