import { roomsMax } from '../commands/concert/catalog-file.ts';
import type { BuyerCommands } from '../commands/sales/roles.ts';
import type { QueueRooms } from '../queue/queue-rooms.ts';
import { parseToken } from '../queue/token.ts';
import type { QueueCounts, WaitingQueue } from '../queue/waiting-queue.ts';

/**
 * The largest number of lines that are counted and shown, because they are labels of metrics: the
 * rooms of one catalog file, and the line of the shop.
 */
const shownMax = roomsMax + 1;

/** What the shop's rooms are made from. */
export interface ShopRoomsParts {
  readonly queues: Pick<QueueRooms, 'of' | 'counts'>;
  readonly catalog: {
    /** Undefined for an unknown concert. */
    concert(concertId: string): unknown;
    /** '' for the line of the shop. */
    roomOf(concertId: string): string;
    session(sessionId: string): { readonly concertId: string } | undefined;
    /** All rooms that a concert has or had. */
    readonly rooms: ReadonlySet<string>;
  };
  readonly sales: Pick<BuyerCommands, 'sessionOf'>;
}

/**
 * Finds the room of the waiting queue that a call needs. The catalog knows the room. A request can
 * only open rooms that the catalog has, even if it names another one.
 */
export class ShopRooms {
  readonly #parts: ShopRoomsParts;

  constructor(parts: ShopRoomsParts) {
    this.#parts = parts;
  }

  /** The queue of a room that the catalog has or had; '' is the line of the shop. */
  queueOf(room: string): WaitingQueue {
    return this.#parts.queues.of(room);
  }

  /** The room of a concert's buyers; undefined for an unknown concert. */
  ofConcert(concertId: string): string | undefined {
    const { catalog } = this.#parts;
    return catalog.concert(concertId) === undefined ? undefined : catalog.roomOf(concertId);
  }

  /**
   * The room of the reservation's concert; undefined when there is no such reservation. @throws
   * EventStoreUnavailable
   */
  async ofReservation(reservationId: string): Promise<string | undefined> {
    const { catalog, sales } = this.#parts;
    // Most shops have one line for all concerts.
    if (catalog.rooms.size === 0) return '';
    const sessionId = await sales.sessionOf(reservationId);
    const session = sessionId === undefined ? undefined : catalog.session(sessionId);
    return session && catalog.roomOf(session.concertId);
  }

  /**
   * The room that a token names. '' for a text that is not a token, which no queue knows. Undefined
   * if the catalog has no such room.
   */
  named(token: string): string | undefined {
    const room = parseToken(token)?.room ?? '';
    return room === '' || this.#parts.catalog.rooms.has(room) ? room : undefined;
  }

  /** The counts of at most `shownMax` lines, by room. @throws QueueUnavailable */
  counts(): Promise<ReadonlyMap<string, QueueCounts>> {
    return this.#parts.queues.counts(shownMax);
  }
}
