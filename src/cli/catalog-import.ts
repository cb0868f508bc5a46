import { readFile } from 'node:fs/promises';
import { readCatalog } from '../commands/concert/catalog-file.ts';
import { importCatalog } from '../commands/concert/import-catalog.ts';
import type { Config } from '../config.ts';
import { assertCurrency } from '../serve/starting.ts';
import { withCatalog } from './with-catalog.ts';

/**
 * `reprise catalog import FILE`: prints a line for each concert or session that changed, then a count.
 * @throws Error in words for people when the file cannot be used or a part of it was refused
 */
export async function importFile(file: string, config: Config): Promise<void> {
  const concerts = readCatalog(await readFile(file).catch(cannotRead));
  const counts = { created: 0, changed: 0, unchanged: 0, refused: 0 };
  await withCatalog(config, async (parts) => {
    assertCurrency(parts.catalog, config.currency);
    const steps = importCatalog(concerts, { ...parts, currency: config.currency });
    for await (const { what, outcome, note } of steps) {
      if (note !== undefined) console.log(`${what}: ${note}`);
      if (typeof outcome === 'object') {
        counts.refused += 1;
        console.error(`${what}: refused, ${outcome.detail}`);
        continue;
      }
      counts[outcome] += 1;
      if (outcome !== 'unchanged') console.log(`${what}: ${outcome}`);
    }
  });
  const { created, changed, unchanged, refused } = counts;
  console.log(`${created} created, ${changed} changed, ${unchanged} unchanged, ${refused} refused`);
  if (refused > 0) throw new Error('some of the file was refused; the rest is in');
}

function cannotRead(error: NodeJS.ErrnoException): never {
  throw new Error(`cannot read the catalog file: ${error.message}`);
}
