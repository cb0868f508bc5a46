import type { Kysely } from 'kysely';
import { isEventBefore } from '../events/log-position.ts';
import { isOtherShape, isUnavailable } from '../infrastructure/postgres.ts';
import type { Database } from '../projections/models/database.ts';
import type { Projector } from '../projections/projector.ts';
import { type Account, accountEntries, accountEntry, loadAccount } from './account.ts';
import {
  type ConcertList,
  concertListEntries,
  concertListEntry,
  loadConcertList,
} from './concert-list.ts';
import { Behind, type Entry, type Loaded, loadShown, Mirror, type MirrorLimits } from './mirror.ts';
import { type ReadSide, ReadSideUnavailable } from './read-side.ts';
import { reservationById, reservationsOf } from './reservations.ts';
import { loadSeatMap, type SeatMap, seatMapEntries, seatMapEntry } from './seat-map.ts';
import { takenAsOf } from './seats-as-of.ts';

const kinds = [concertListEntries, seatMapEntries, accountEntries];

const defaultLimits: MirrorLimits = { rowsMax: 1_500_000, replayStepsMax: 20_000 };

export interface ReadSideOptions {
  readonly db: Kysely<Database>;
  readonly projector: Pick<Projector, 'listen' | 'listenersAreFresh' | 'reached' | 'status'>;
  /**
   * The time at which a session was scheduled, in ms since the epoch; undefined for an unknown
   * session.
   */
  readonly scheduledMs: (sessionId: string) => number | undefined;
  /** The currency of accounts that do not exist yet. Default KRW. */
  readonly currency?: string;
  readonly limits?: Partial<MirrorLimits>;
}

/**
 * The read side in memory. It loads each list and account once from PostgreSQL. After that, they
 * change with each commit of the engine. While the engine is behind the tables, or stopped, each
 * query goes to PostgreSQL. If PostgreSQL does not answer, memory serves for some seconds more. It
 * never serves rows that are older than rows that were already shown. It serves nothing while the
 * log is not the log of the tables.
 */
export function createReadSide(options: ReadSideOptions): ReadSide {
  const { db, projector, scheduledMs, currency = 'KRW' } = options;
  const shown = () => projector.status().eventPosition;
  const mirror = new Mirror(kinds, { ...defaultLimits, ...options.limits }, shown);
  projector.listen(mirror);

  const loaded = <E extends Entry>(name: string, load: () => Promise<Loaded<E>>): Promise<E> =>
    asked(projector, async () =>
      projector.listenersAreFresh() ? mirror.get(name, load) : (await loadShown(load, shown)).entry,
    );
  /** Nearly every query finds its entry in memory, and needs no promise for it. */
  const entry = <E extends Entry>(name: string, load: () => Promise<Loaded<E>>): E | Promise<E> =>
    (projector.listenersAreFresh() ? mirror.peek<E>(name) : undefined) ?? loaded(name, load);
  /** Rows that are not kept in memory. Their position is read first, on the same connection. */
  const rows = <T>(load: (db: Kysely<Database>) => Promise<T>): Promise<T> =>
    asked(projector, () =>
      db.connection().execute(async (one) => {
        const before = shown();
        const [position, loaded] = await Promise.all([lastEvent(one), load(one)]);
        if (isEventBefore(position, before)) throw new Behind();
        return loaded;
      }),
    );
  const concertList = () => entry<ConcertList>(concertListEntry, () => loadConcertList(db));
  const seatMap = (concertId: string, sessionId: string) =>
    entry<SeatMap>(seatMapEntry(sessionId), () => loadSeatMap(db, concertId, sessionId));

  return {
    concerts: async () => (await concertList()).concertList(),
    sessions: async (concertId) => (await concertList()).sessionList(concertId),
    async seats(concertId, sessionId, filter) {
      const sessions = await concertList();
      if (!sessions.hasSession(concertId, sessionId)) return undefined;
      const seats = await seatMap(concertId, sessionId);
      return seats.prepared(filter, sessions.isCancelled(sessionId));
    },
    async seatsAsOf(concertId, sessionId, asOfMs, filter = {}) {
      if (!(await concertList()).hasSession(concertId, sessionId)) return undefined;
      if (asOfMs < (scheduledMs(sessionId) ?? Number.POSITIVE_INFINITY)) return undefined;
      const seats = await seatMap(concertId, sessionId);
      const { taken, isCancelled } = await rows((one) =>
        takenAsOf(one, sessionId, new Date(asOfMs)),
      );
      return seats.preparedWith(taken, filter, isCancelled);
    },
    async balance(userId) {
      const { row } = await entry<Account>(accountEntry(userId), () => loadAccount(db, userId));
      return row === undefined
        ? { userId, balance: 0, held: 0, currency }
        : { userId, balance: row.balance, held: row.held, currency: row.currency };
    },
    reservation: (id) => rows((one) => reservationById(one, id)),
    reservations: (userId, limit, before) =>
      rows((one) => reservationsOf(one, userId, limit, before)),
    reached: (position, timeoutMs) => projector.reached(position, timeoutMs),
    status: () => projector.status(),
  };
}

/** @throws ReadSideUnavailable if the tables cannot answer, or belong to another log */
async function asked<T>(
  projector: ReadSideOptions['projector'],
  ask: () => Promise<T>,
): Promise<T> {
  // While the log is another one, the listeners are not up to date.
  if (!projector.listenersAreFresh()) {
    const { state, error } = projector.status();
    if (state === 'other-log') throw new ReadSideUnavailable(error ?? state);
  }
  try {
    return await ask();
  } catch (error) {
    if (isOtherShape(error)) {
      throw new ReadSideUnavailable('the read models are of another version of the service', error);
    }
    if (isUnavailable(error)) throw new ReadSideUnavailable('PostgreSQL gave no answer', error);
    throw error;
  }
}

/** The position of the last event in the tables of this server. */
async function lastEvent(db: Kysely<Database>): Promise<bigint | null> {
  const { event } = await db
    .selectFrom('projection_checkpoint')
    .select(({ fn }) => fn.min('event_position').as('event'))
    .executeTakeFirstOrThrow();
  return event;
}
