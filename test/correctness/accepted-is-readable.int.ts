import { expect } from 'chai';
import fc from 'fast-check';
import { Catalog } from '../../src/commands/concert/catalog.ts';
import { readCatalog } from '../../src/commands/concert/catalog-file.ts';
import { CatalogFileError } from '../../src/commands/concert/catalog-file-error.ts';
import { importCatalog } from '../../src/commands/concert/import-catalog.ts';
import type { Result } from '../../src/commands/result.ts';
import { decode, type StoredEvent } from '../../src/events/codec.ts';
import { MemoryEventStore } from './support/memory-event-store.ts';
import { nastyCatalog } from './support/nasty.ts';
import { nastySteps, runNastySteps } from './support/nasty-steps.ts';
import { expectReadable } from './support/proof.ts';

/** So many catalogues, and so many sequences of commands. */
const runs = 10_000;

describe('whatever is accepted can be read, is verified clean and rebuilt equal; whatever is not says why', function () {
  this.timeout(120_000);

  it(`${runs} nasty catalogues`, async () => {
    const counts = { accepted: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(nastyCatalog, async (bytes) => {
        const concerts = read(bytes);
        counts[concerts === undefined ? 'refused' : 'accepted'] += 1;
        if (concerts === undefined) return;
        const store = new MemoryEventStore();
        const bring = async () => {
          const catalog = new Catalog();
          for (const event of store.log) catalog.apply(decode(event) as StoredEvent);
          const outcomes: unknown[] = [];
          const parts = { store, catalog, currency: 'KRW' };
          for await (const { outcome } of importCatalog(concerts, parts)) outcomes.push(outcome);
          return [...new Set(outcomes)];
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
        const { store, results } = await runNastySteps(steps);
        for (const result of results) count(outcomes, result);
        expectReadable(store.log);
      }),
      { numRuns: runs },
    );
    for (const code of ['ok', 'unwritable', 'balance-too-large', 'balance-too-small']) {
      expect(outcomes.get(code) ?? 0, code).to.be.greaterThan(runs / 100);
    }
  });
});

/** What is in the file; undefined when it is refused, as it must be: each fault with its place. */
function read(bytes: Buffer) {
  try {
    return readCatalog(bytes);
  } catch (error) {
    if (!(error instanceof CatalogFileError)) throw error;
    const [first, ...faults] = error.message.split('\n');
    expect(first).to.equal('the catalogue cannot be used:');
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
