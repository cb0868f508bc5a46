import type { Service } from './service.ts';

/** What the service acknowledged: nothing of it may ever be lost. */
export interface Acknowledged {
  /** Reservation id → user id. */
  readonly reservations: Map<string, string>;
  /** Reservation id → user id. */
  readonly payments: Map<string, string>;
  /** Answers by status, and `error` for calls that got none. */
  readonly answers: Map<string, number>;
}

export interface Buyers {
  readonly buyers: number;
  /** Concert and session ids. */
  readonly sessions: readonly (readonly [string, string])[];
  /** What their ids begin with; `buyer` unless told. */
  readonly name?: string;
}

interface Seat {
  readonly seatId: string;
  readonly isAvailable: boolean;
}

/** Those of a test that failed half way would go on for ever, and mocha with them. */
const unstopped = new Set<() => Promise<void>>();

// Loaded with the test files, outside any `describe`: this is a hook of the whole run.
if (typeof afterEach === 'function') {
  afterEach('stop the buyers that the test left buying', async () => {
    await Promise.all([...unstopped].map((stop) => stop()));
  });
}

/**
 * Buyers who make the journey again and again, each a user of its own, `<name>-1` and on, until
 * `stop`. Calls that fail are counted and the journey begins anew.
 */
export function startBuyers(service: Service, { buyers, sessions, name = 'buyer' }: Buyers) {
  const acknowledged: Acknowledged = {
    reservations: new Map(),
    payments: new Map(),
    answers: new Map(),
  };
  let stopped = false;
  const count = (answer: string | number) =>
    acknowledged.answers.set(String(answer), (acknowledged.answers.get(String(answer)) ?? 0) + 1);

  const journey = async (userId: string) => {
    const status = await service.call<{ token: string }>(
      'GET',
      `/concert/waiting/status?userId=${userId}`,
    );
    count(status.status);
    const [concertId, sessionId] = sessions[Math.floor(Math.random() * sessions.length)] ?? [
      '',
      '',
    ];
    const seats = await service.call<{ seatList?: Seat[] }>(
      'GET',
      `/concert/${concertId}/seat?sessionId=${sessionId}`,
    );
    count(seats.status);
    const open = seats.body.seatList?.filter((seat) => seat.isAvailable) ?? [];
    const seat = open[Math.floor(Math.random() * open.length)];
    if (seat === undefined) return;
    const { token } = status.body;
    const reserved = await service.reserve(userId, token, concertId, sessionId, seat.seatId);
    count(reserved.status);
    if (reserved.status !== 200) return;
    const { reservationId } = reserved.body;
    acknowledged.reservations.set(reservationId, userId);
    const paid = await service.pay(userId, token, reservationId);
    count(paid.status);
    if (paid.status === 200) acknowledged.payments.set(reservationId, userId);
  };
  const buyer = async (userId: string) => {
    while (!stopped) {
      // A service that was killed refuses at once: trying again without a pause would only burn
      // time.
      await journey(userId).catch(() => {
        count('error');
        return new Promise((resolve) => setTimeout(resolve, 100));
      });
    }
  };
  const all = Promise.all(Array.from({ length: buyers }, (_, i) => buyer(`${name}-${i + 1}`)));
  const stop = async (): Promise<void> => {
    stopped = true;
    unstopped.delete(stop);
    await all;
  };
  unstopped.add(stop);
  return { acknowledged, stop };
}

/**
 * Does something about what each buyer was told of, one after another of a buyer and the buyers at
 * the same time.
 */
export async function ofEachBuyer(
  acknowledged: ReadonlyMap<string, string>,
  work: (userId: string, reservationId: string) => Promise<void>,
): Promise<void> {
  const all = [...new Set(acknowledged.values())].map(async (userId) => {
    for (const [reservationId, owner] of acknowledged) {
      if (owner === userId) await work(userId, reservationId);
    }
  });
  await Promise.all(all);
}

/**
 * A concert with 50-seat sessions to buy from, `<concertId>-1` and on, as `reprise catalog import`
 * takes it.
 */
export function catalogFile(sessionCount: number, concertId = 'c1') {
  const seatMap = [
    { section: 'A', price: 100, rows: [{ row: '1', seats: 25 }] },
    { section: 'B', price: 70, rows: [{ row: '1', seats: 25 }] },
  ];
  return {
    concerts: [
      {
        concertId,
        title: 'One',
        sessions: Array.from({ length: sessionCount }, (_, i) => ({
          sessionId: `${concertId}-${i + 1}`,
          startsAt: '2099-01-01T10:00:00Z',
          salesOpenAt: '2020-01-01T00:00:00Z',
          seatMap,
        })),
      },
    ],
  };
}

export const sessionsOf = (sessionCount: number, concertId = 'c1'): [string, string][] =>
  Array.from({ length: sessionCount }, (_, i) => [concertId, `${concertId}-${i + 1}`]);
