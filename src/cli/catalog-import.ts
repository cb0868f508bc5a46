import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { readCatalog } from '../commands/concert/catalog-file.ts';
import { type ImportStep, importCatalog } from '../commands/concert/import-catalog.ts';
import { type Config, readConfig } from '../config.ts';
import { assertCurrency } from '../serve/starting.ts';
import { ProgressMeter } from '../support/progress-meter.ts';
import { withCatalog } from './with-catalog.ts';

/** `reprise catalog import FILE`. */
export function defineCatalogImport(command: Command): void {
  command
    .argument(
      '<file>',
      'a JSON file; docs/catalog-file.md describes it, examples/catalog.json is an example',
    )
    .addHelpText(
      'after',
      `
The command registers a concert or revises its details, and schedules a session or moves it. The
seats and prices of a scheduled session never change. The command never removes anything.

A running service sees the change at once. If no service is running, the command uses
EVENTSTORE_URL, or the embedded event store in DATA_DIR.

Example:
  $ reprise catalog import examples/catalog.json`,
    )
    .action((file: string) => importFile(file, readConfig(process.env)));
}

/**
 * Prints a line for each concert or session that changed, then a count.
 * @throws Error with a message for people if the file cannot be used, or if a part of it was
 * refused
 */
async function importFile(file: string, config: Config): Promise<void> {
  const concerts = readCatalog(await readFile(file).catch(cannotRead));
  const counts = { created: 0, changed: 0, unchanged: 0, refused: 0 };
  await withCatalog(config, async (parts) => {
    assertCurrency(parts.catalog, config.currency);
    const meter = new ProgressMeter();
    const of = concerts.reduce((sum, { sessions }) => sum + 1 + sessions.length, 0);
    let done = 0;
    const print = ({ what, outcome, note }: ImportStep) => {
      if (note !== undefined) meter.line(`${what}: ${note}`);
      if (typeof outcome !== 'object') {
        counts[outcome] += 1;
        if (outcome !== 'unchanged') meter.line(`${what}: ${outcome}`);
        return;
      }
      counts.refused += 1;
      meter.clear();
      console.error(`${what}: refused, ${outcome.detail}`);
    };
    try {
      const steps = importCatalog(concerts, { ...parts, currency: config.currency });
      for await (const step of steps) {
        print(step);
        done += 1;
        meter.show({ doing: 'importing', done, of, unit: 'concerts and sessions' });
      }
    } finally {
      meter.clear();
    }
  });
  const { created, changed, unchanged, refused } = counts;
  console.log(`${created} created, ${changed} changed, ${unchanged} unchanged, ${refused} refused`);
  if (refused > 0) throw new Error('a part of the file was refused; the rest was imported');
}

function cannotRead(error: NodeJS.ErrnoException): never {
  throw new Error(`cannot read the catalog file: ${error.message}`);
}
