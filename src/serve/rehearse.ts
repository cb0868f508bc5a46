import { Registry } from 'prom-client';
import type { ServiceClock } from '../clock/service-clock.ts';
import { Catalog } from '../commands/concert/catalog.ts';
import type { EventStore } from '../commands/core/event-store.ts';
import { IdempotencyKeys } from '../commands/idempotency/idempotency-keys.ts';
import { Sales } from '../commands/sales/sales.ts';
import { type Config, fairUseOf } from '../config.ts';
import type { ConcertEvent } from '../events/events.ts';
import { concertStream } from '../events/streams.ts';
import type { App } from '../http/app.ts';
import type { HttpDeps } from '../http/endpoint.ts';
import { createHttpServer } from '../http/server.ts';
import { ShopRooms } from '../http/shop-rooms.ts';
import { countAppends, countOutcomes } from '../metrics/counted-ports.ts';
import { Counters } from '../metrics/counters.ts';
import { InProcessQueue } from '../queue/in-process-queue.ts';
import { QueueRooms } from '../queue/queue-rooms.ts';
import { InProcessHoldLimit } from '../shared-state/in-process-hold-limit.ts';
import { InProcessOwnPositions } from '../shared-state/in-process-own-positions.ts';
import { traceAppends, traceCommands } from '../tracing/traced-ports.ts';
import { RehearsalBuyer, type RehearsalScript } from './rehearsal-buyers.ts';
import { RehearsalLog } from './rehearsal-log.ts';

const buyers = 100;
/** Only few users, so that each account is busy. */
const users = 10;
const sessions = 20;
const seatsOfSession = 100;
/**
 * Requests that still run at the end of the rehearsal have this much more time, in milliseconds.
 */
const graceMs = 250;

/** The parts of a service that a rehearsal uses. */
export interface RehearsalParts {
  /**
   * The parts of the service. The rehearsal only reads its lists. It changes and counts nothing in
   * them.
   */
  readonly deps: HttpDeps;
  readonly app: App;
  readonly config: Config;
  /** Gets appends with a revision that it must refuse. */
  readonly store: Pick<EventStore, 'append'>;
  readonly clock: Pick<ServiceClock, 'now' | 'earliest' | 'steady'>;
  readonly shown: RehearsalScript['shown'];
}

/**
 * Simulates buyers who use the whole service before the first real buyer comes. So its code is
 * already compiled then. They send their requests over HTTP. They have their own log, queue, limits
 * and catalog in memory, which are dropped afterwards (docs/adr/0056-rehearsal.md).
 * @param ms the duration; requests that still run at its end have `graceMs` more
 * @returns how many seats were paid
 */
export async function rehearse(parts: RehearsalParts, ms: number): Promise<number> {
  const endMs = performance.now() + ms;
  const { server, script } = stage(parts);
  const port = await server.listen(0, '127.0.0.1');
  const all: RehearsalBuyer[] = [];
  let paid = 0;
  const buy = async (_: unknown, n: number) => {
    const buyer = await RehearsalBuyer.connect({
      ...script,
      port,
      userId: `rehearsal-${n % users}`,
    });
    all.push(buyer);
    if (n < users) await buyer.charge();
    while (performance.now() < endMs) {
      const isPaid = await buyer.journey();
      if (isPaid === undefined) return;
      if (isPaid) paid += 1;
    }
  };
  let cut: NodeJS.Timeout | undefined;
  const isOver = new Promise((resolve) => {
    cut = setTimeout(resolve, ms + graceMs);
  });
  await Promise.race([Promise.allSettled(Array.from({ length: buyers }, buy)), isOver]);
  clearTimeout(cut);
  for (const buyer of all) buyer.end();
  // A buyer that connects later gets no connection, and ends.
  await server.close(0);
  return paid;
}

/** A server with the code of the service, but with other data to sell. */
function stage({ deps, app, config, store, clock, shown }: RehearsalParts) {
  const { now, earliest, steady } = clock;
  const counters = new Counters(new Registry());
  const log = new RehearsalLog(store, deps.reads.status().position ?? 0n);
  const counted = traceAppends(countAppends(log, counters));
  const catalog = rehearsalCatalog(config.currency, now());
  const sales = new Sales({
    ...{ store: counted, catalog, settings: config, now, earliest },
    limit: new InProcessHoldLimit({ ...fairUseOf(config), boughtMax: undefined }, earliest),
    onLeftOver: () => {},
  });
  const queues = new QueueRooms((room) => {
    const onMove = ([kind]: readonly [string, ...unknown[]]) => counters.moved(kind, room);
    return new InProcessQueue(config.queue, { room, now: steady, onMove });
  });
  const seats = Array.from(catalog.sessions(), ({ sessionId, prices }) =>
    Array.from(prices.keys(), (seatId) => ({ sessionId, seatId })),
  ).flat();
  const server = createHttpServer(
    {
      ...deps,
      sales: traceCommands(countOutcomes(sales, counters)),
      rooms: new ShopRooms({ queues, catalog, sales }),
      idempotencyKeys: new IdempotencyKeys(counted, now),
      ownPositions: new InProcessOwnPositions(null),
      isSaleClosed: () => false,
      log: deps.log.child({}, { level: 'silent' }),
      counts: counters,
      allowsHost: () => true,
    },
    {},
    app,
  );
  return { server, script: { shown, concertId: rehearsalConcert, nextSeat: () => seats.pop() } };
}

const rehearsalConcert = 'rehearsal';
const hourMs = 3_600_000;

/** Sessions that are on sale for the rehearsal. */
function rehearsalCatalog(currency: string, nowMs: number): Catalog {
  const catalog = new Catalog();
  const numbers = Array.from({ length: seatsOfSession }, (_, n) => n + 1);
  const sections = [{ section: 'R', price: 1_000, rows: [{ row: '1', seats: numbers }] }];
  const salesOpenAt = new Date(nowMs - hourMs).toISOString();
  const startsAt = new Date(nowMs + 1_000 * hourMs).toISOString();
  const details = { title: 'Rehearsal', venue: 'Rehearsal' };
  const events: ConcertEvent[] = [{ type: 'ConcertRegistered', data: details }];
  for (let n = 1; n <= sessions; n += 1) {
    const session = { sessionId: `rehearsal-${n}`, startsAt, salesOpenAt, currency, sections };
    events.push({ type: 'SessionScheduled', data: session });
  }
  events.forEach((event, n) => {
    const place = { revision: BigInt(n), position: BigInt(n), createdMs: nowMs };
    const stream = concertStream(rehearsalConcert);
    catalog.apply({ ...event, ...place, id: `rehearsal-${n}`, stream, metadata: undefined });
  });
  return catalog;
}
