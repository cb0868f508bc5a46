import type { Catalog } from '../commands/concert/catalog.ts';
import type { CatalogConcert } from '../commands/concert/catalog-file.ts';
import { importCatalog } from '../commands/concert/import-catalog.ts';
import { type EventStore, EventStoreUnavailable } from '../commands/core/event-store.ts';
import type { BuyerCommands } from '../commands/sales/roles.ts';
import type { Section } from '../events/events.ts';
import { concertStream } from '../events/streams.ts';
import { eachLimited } from '../support/concurrency.ts';

const concertCount = 10;
const sessionCount = 20;
const userCount = 1_000;
/** In KRW, which has no minor unit. */
const userBalance = 1_000_000_000;
const chargesAtOnce = 64;
/** A busy event store may miss one of a thousand answers. The demo is tried so often. */
const attemptsMax = 5;

const row = (name: string) => ({ row: name, seats: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] });

/** 50 seats in three sections. Each section has its own price. */
const hall: Section[] = [
  { section: 'VIP', price: 190_000, rows: [row('1')] },
  { section: 'R', price: 150_000, rows: [row('1'), row('2')] },
  { section: 'S', price: 110_000, rows: [row('1'), row('2')] },
];

const day = 86_400_000;

/**
 * The demo's concerts. They are on sale since `beganMs`. Their sessions are on the evenings from 30
 * days later on.
 */
function demoConcerts(beganMs: number): CatalogConcert[] {
  const midnight = Math.floor(beganMs / day) * day;
  const iso = (ms: number) => new Date(ms).toISOString();
  return Array.from({ length: concertCount }, (_, c) => ({
    concertId: String(c + 1),
    title: `Demo concert ${c + 1}`,
    venue: 'Demo hall',
    sessions: Array.from({ length: sessionCount }, (_, s) => ({
      sessionId: `${c + 1}-${s + 1}`,
      startsAt: iso(midnight + (30 + s) * day + 10 * 3_600_000),
      salesOpenAt: iso(midnight),
      sections: hall,
    })),
  }));
}

/**
 * Should this log get the demo? It should if it has no concert yet, or if an earlier demo was
 * interrupted (its first concert exists, its last one is not complete).
 */
export function wantsDemo(catalog: Catalog): boolean {
  if (catalog.concertCount === 0) return true;
  const first = catalog.concert('1')?.details?.title;
  const last = catalog.concert(String(concertCount));
  return first === 'Demo concert 1' && last?.sessions.size !== sessionCount;
}

/**
 * Writes the demo: users 1–1000 with a balance first, then the concerts. A second run writes only
 * the missing parts. Several services that run it at once write the same as one.
 */
export async function seedDemo(parts: DemoParts): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await seed(parts);
    } catch (error) {
      if (!(error instanceof EventStoreUnavailable) || attempt === attemptsMax) throw error;
    }
  }
}

interface DemoParts {
  readonly store: EventStore;
  readonly catalog: Catalog;
  readonly sales: Pick<BuyerCommands, 'charge'>;
  readonly currency: string;
}

async function seed(parts: DemoParts): Promise<void> {
  const users = Array.from({ length: userCount }, (_, i) => String(i + 1));
  await eachLimited(users, chargesAtOnce, (userId) =>
    parts.sales.charge({
      userId,
      chargeId: 'demo',
      amount: userBalance,
      context: { commandId: `demo charge ${userId}` },
    }),
  );
  await write(demoConcerts(await began(parts)), parts);
}

type ImportParts = Parameters<typeof importCatalog>[1];

async function write(concerts: readonly CatalogConcert[], parts: ImportParts): Promise<void> {
  for await (const { what, outcome } of importCatalog(concerts, parts)) {
    if (typeof outcome === 'object') throw new Error(`demo, ${what}: ${outcome.detail}`);
  }
}

/**
 * The time when the log got the demo's first concert. This time, and not the clock of each service,
 * decides the day of the demo.
 */
async function began(parts: ImportParts): Promise<number> {
  const first = demoConcerts(0)
    .slice(0, 1)
    .map((concert) => ({ ...concert, sessions: [] }));
  await write(first, parts);
  for await (const { createdMs } of parts.store.readStream(concertStream('1'))) return createdMs;
  throw new Error('demo: its first concert is not in the log');
}
