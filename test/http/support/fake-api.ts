import pino from 'pino';
import type { CommandContext } from '../../../src/commands/core/command-context.ts';
import { IdempotencyKeys } from '../../../src/commands/idempotency/idempotency-keys.ts';
import type { BuyerCommands } from '../../../src/commands/sales/roles.ts';
import type { HttpDeps } from '../../../src/http/endpoint.ts';
import { ShopRooms } from '../../../src/http/shop-rooms.ts';
import type { ReadSideStatus } from '../../../src/projections/projector.ts';
import type { PreparedBody, ReadSide } from '../../../src/queries/read-side.ts';
import { SeatFeed } from '../../../src/queries/seat-feed.ts';
import { InProcessQueue } from '../../../src/queue/in-process-queue.ts';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import type { Authorization, WaitingQueue } from '../../../src/queue/waiting-queue.ts';
import { InProcessOwnPositions } from '../../../src/shared-state/in-process-own-positions.ts';
import { testSettings } from '../../queue/support/times.ts';
import { MemoryEventStore } from '../../support/memory-event-store.ts';

/** Every test may change what a port answers by replacing its method. */
export interface FakeApi extends HttpDeps {
  readonly sales: BuyerCommands & { contexts: CommandContext[] };
  readonly queue: WaitingQueue & { renewed: string[]; shortened: string[] };
  readonly reads: ReadSide & {
    shown: bigint;
    state: ReadSideStatus['state'];
    lagSeconds: number;
    parkedEvents: number;
    lagEvents: number;
    stalledSeconds: number;
  };

  /** Rooms of which nothing is left to buy. */
  readonly soldOut: Set<string>;
  /** What was logged, line by line. */
  readonly lines: string[];
}

const text = (value: unknown): PreparedBody => ({
  body: Buffer.from(JSON.stringify(value)),
  etag: '"tag-1"',
});

const seat = {
  seatId: 'A-1-1',
  section: 'A',
  row: '1',
  number: 1,
  price: 100_000,
  currency: 'KRW',
  isAvailable: true,
};

/** When session `11` came into the log, in milliseconds since the epoch. */
export const scheduledMs = Date.UTC(2026, 9, 1);

const session = {
  sessionId: '11',
  concertId: '1',
  startsAt: '2026-12-01T10:00:00.000Z',
  salesOpenAt: '2026-11-01T10:00:00.000Z',
  seatsTotal: 1,
  seatsAvailable: 1,
};

const held = {
  reservationId: '11.A-1-1.1',
  sessionId: '11',
  seatIds: ['A-1-1'],
  userId: '7',
  status: 'held',
  price: 100_000,
  currency: 'KRW',
  reservedAt: '2026-11-22T10:00:00.000Z',
  expiresAt: '2026-11-22T10:05:00.000Z',
  paymentId: null,
  releaseReason: null,
} as const;

/**
 * Small in-memory ports: concert `1` with session `11` and seat `A-1-1`. The token of a user is
 * `token-<userId>`; users whose id begins with `waiting` wait. Each command succeeds at the next
 * position, which the read side shows at once.
 */
export function fakeApi(): FakeApi {
  const lines: string[] = [];
  const soldOut = new Set<string>();
  let position = 1_000_000_000n;
  const next = (): bigint => {
    position += 10n;
    reads.shown = position;
    return position;
  };
  const reads = fakeReads(position);
  const sales = fakeSales(next);
  const queue = fakeQueue();
  return {
    ...{ sales, queue },
    rooms: fakeRooms(queue, sales),
    soldOut,
    isSoldOut: (room) => soldOut.has(room),
    reads,
    seatFeed: new SeatFeed(),
    idempotencyKeys: new IdempotencyKeys(new MemoryEventStore(), Date.now),
    ownPositions: new InProcessOwnPositions(),
    logEnd: async () => position,
    projections: async () => [],
    rowsWrong: () => 0,
    clock: () => ({ state: 'agrees', skewSeconds: 0 }),
    probes: { eventStore: async () => true, queue: async () => true, postgres: async () => true },
    log: pino({ level: 'trace' }, { write: (line: string) => lines.push(line) }),
    lines,
  };
}

/** @param next the position of the next command */
function fakeSales(next: () => bigint): FakeApi['sales'] {
  const sales: FakeApi['sales'] = {
    contexts: [],
    async reserve({ sessionId, seatIds, context }) {
      sales.contexts.push(context);
      const value = {
        reservationId: `${sessionId}.${seatIds[0]}.1`,
        status: 'held',
        seatIds,
        price: 100_000,
        currency: 'KRW',
        expiresAt: '2026-11-22T10:05:00.000Z',
      } as const;
      return { ok: true, value, position: next() };
    },
    async pay({ reservationId, context }) {
      sales.contexts.push(context);
      const paymentId = `pay.${reservationId}`;
      const value = { paymentId, reservationId, amount: 100_000, currency: 'KRW', balance: 0 };
      return { ok: true, value, position: next() };
    },
    async cancel({ reservationId, context }) {
      sales.contexts.push(context);
      const value = {
        reservationId,
        status: 'refunded',
        refunded: 100_000,
        currency: 'KRW',
      } as const;
      return { ok: true, value, position: next() };
    },
    async find() {
      return { ok: true, value: undefined, position: null };
    },
    sessionOf: async (reservationId) => reservationId.split('.')[0],
    holds: async () => false,
    async charge({ userId, chargeId, amount, context }) {
      sales.contexts.push(context);
      const value = { userId, chargeId, balance: amount, currency: 'KRW' };
      return { ok: true, value, position: next() };
    },
  };
  return sales;
}

function fakeReads(position: bigint): FakeApi['reads'] {
  const reads: FakeApi['reads'] = {
    shown: position,
    state: 'live',
    lagSeconds: 0,
    parkedEvents: 0,
    lagEvents: 0,
    stalledSeconds: 0,
    concerts: async () => text([{ concertId: '1', title: 'Requiem', venue: 'Hall' }]),
    sessions: async (concertId) => (concertId === '1' ? text([session]) : undefined),
    seats: async (concertId, sessionId) =>
      concertId === '1' && sessionId === '11'
        ? text({ concertId, sessionId, seatList: [seat] })
        : undefined,
    seatsAsOf: async (concertId, sessionId, asOfMs) =>
      concertId === '1' && sessionId === '11' && asOfMs >= scheduledMs
        ? text({ concertId, sessionId, seatList: [{ ...seat, isAvailable: false }] })
        : undefined,
    balance: async (userId) => ({ userId, balance: 0, held: 0, currency: 'KRW' }),
    reservation: async (id) => (id === held.reservationId ? held : undefined),
    reservations: async (userId) => (userId === held.userId ? [held] : []),
    reached: async (wanted) => reads.shown >= wanted,
    status: () => ({
      state: reads.state,
      position: reads.shown,
      eventPosition: reads.shown,
      lagSeconds: reads.lagSeconds,
      parkedEvents: reads.parkedEvents,
      lagEvents: reads.lagEvents,
      stalledSeconds: reads.stalledSeconds,
    }),
  };
  return reads;
}

function fakeQueue(): FakeApi['queue'] {
  const queue: FakeApi['queue'] = {
    limits: { places: 30, isPaused: false },
    renewed: [],
    shortened: [],
    async poll(userId): Promise<QueueEntry> {
      const processing = !userId.startsWith('waiting');
      return {
        userId,
        processing,
        token: `token-${userId}`,
        ahead: 0,
        position: processing ? 0 : 1,
        estimatedWaitSeconds: processing ? 0 : 1.5,
        retryAfterMs: processing ? 0 : 1_100,
        expiresAt: 1_800_000_000_000,
      };
    },
    async authorize(userId, token): Promise<Authorization> {
      if (!token.startsWith('token-')) return 'unknown';
      if (token !== `token-${userId}`) return 'not-yours';
      return userId.startsWith('waiting') ? 'waiting' : 'admitted';
    },
    async renew(userId) {
      queue.renewed.push(userId);
    },
    async shorten(userId) {
      queue.shortened.push(userId);
    },
    steer: () => {},
    counts: async () => ({ waiting: 0, there: 0, admitted: 0 }),
    reachable: async () => true,
    close: async () => {},
  };
  return queue;
}

/** Concert `2` has the room `gala`, with one place; its session is `21`. */
function fakeRooms(queue: FakeApi['queue'], sales: FakeApi['sales']): ShopRooms {
  const gala = new InProcessQueue({ ...testSettings, admittedMax: 1 }, { room: 'gala' });
  const queues = { '': queue, gala } as const;
  return new ShopRooms({
    queues: {
      of: (room) => queues[room as keyof typeof queues],
      counts: async () =>
        new Map([['', await queue.counts()] as const, ['gala', await gala.counts()] as const]),
    },
    catalog: {
      concert: (concertId) => (concertId === '1' || concertId === '2' ? {} : undefined),
      roomOf: (concertId) => (concertId === '2' ? 'gala' : ''),
      session: (sessionId) => ({ concertId: sessionId.slice(0, 1) }),
      rooms: new Set(['gala']),
    },
    sales,
  });
}
