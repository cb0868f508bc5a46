import { type EventStore, type LogPlace, placeOf } from '../../commands/core/event-store.ts';
import {
  decode,
  isOfThisShop,
  type RecordedEvent,
  type StoredEvent,
  UnreadableEvent,
} from '../../events/codec.ts';
import { parseReservationId } from '../../events/ids.ts';
import type { Skips } from '../../events/skipped.ts';
import { accountStream, seatStream, streamPrefixes } from '../../events/streams.ts';
import { eventsToEnd } from '../engine/events-to-end.ts';
import { keyText } from '../engine/fold.ts';
import { keyOfRow, keysOf, type RowChange, type TableShape } from '../models/row-change.ts';
import type { ParkedStream } from './parked-streams.ts';
import { parkedName } from './parked-table.ts';

/**
 * A parked event is written late, after events that are later in the log. If these changed the same
 * rows, their changes are applied again after it. So the rows have the same values as in the log's
 * order.
 */

/** A read of later events names at most so many streams. For more streams, it reads all streams. */
const prefixesMax = 50;

/**
 * Prefixes of the other streams whose events change the same rows as this event, if the order
 * matters. (The order does not matter for a sum or a `rising` column.)
 */
function sharedWith({ type, data }: StoredEvent): readonly string[] {
  switch (type) {
    case 'SessionScheduled':
      return [seatStream(data.sessionId, '')];
    case 'PaymentHeld':
    case 'PaymentReleased':
    case 'PaymentRefunded': {
      const ref = parseReservationId(data.reservationId);
      return [ref === undefined ? 'seat-' : seatStream(ref.sessionId, ref.seatId)];
    }
    case 'SeatReleased':
      return data.reason === 'refunded' ? [accountStream(data.userId)] : [];
    default:
      return [];
  }
}

export interface LaterEventsOptions {
  readonly eventStore: Pick<EventStore, 'subscribe'>;
  /** The events that are written now, in the log's order. */
  readonly late: readonly StoredEvent[];
  /** Does an event change the same rows as the late events? Other events are ignored. */
  readonly isConcerned: (event: StoredEvent) => boolean;
  /** Events that are in no table. */
  readonly skips: Skips;
  readonly signal: AbortSignal;
}

/**
 * Events that are later in the log than the late ones, were written before them, and change the
 * same rows. They belong to other streams, because all further events of a late event's own stream
 * are parked.
 */
export class LaterEvents {
  readonly #options: LaterEventsOptions;
  readonly #prefixes: readonly string[];
  readonly #found: StoredEvent[] = [];
  /** Some of them may be parked. */
  readonly #unreadable: UnreadableEvent[] = [];
  #last: LogPlace | null;

  constructor(options: LaterEventsOptions) {
    this.#options = options;
    const shared = options.late.filter((event) => sharedWith(event).length > 0);
    const [first] = shared;
    // The subscription continues from the first late event, so it must include that event's stream.
    const prefixes = new Set([...shared.flatMap(sharedWith), ...(first ? [first.stream] : [])]);
    this.#prefixes = prefixes.size > prefixesMax ? streamPrefixes : [...prefixes];
    this.#last = first === undefined ? null : placeOf(first);
  }

  /** Reads on to the log's end. @throws as `eventsToEnd` does */
  async readOn(): Promise<void> {
    if (this.#prefixes.length === 0) return;
    const { eventStore, isConcerned, skips, signal } = this.#options;
    const prefixes = this.#prefixes;
    const after = this.#last;
    await eventsToEnd(eventStore, { after, prefixes, signal }, (recorded) => {
      this.#last = placeOf(recorded);
      if (skips.has(recorded)) return;
      // A foreign event is parked or ignored, so it is in no table.
      if (!isOfThisShop(recorded)) return;
      try {
        const event = decode(recorded);
        if (isConcerned(event)) this.#found.push(event);
      } catch (error) {
        if (!(error instanceof UnreadableEvent)) throw error;
        this.#unreadable.push(error);
      }
    });
  }

  /**
   * The events that are in the tables. The tables are at a position and lack the parked events.
   * @throws UnreadableEvent when the tables have an event that this version cannot read
   */
  inTables(position: bigint | null, parked: readonly ParkedStream[]): readonly StoredEvent[] {
    const since = new Map(parked.map((one) => [one.stream, one.position]));
    const isWritten = (event: RecordedEvent): boolean => {
      const from = since.get(parkedName(event.stream));
      const isReached = position !== null && event.position <= position;
      return isReached && (from === undefined || event.position < from);
    };
    const missed = this.#unreadable.find(({ event }) => isWritten(event));
    if (missed !== undefined) throw missed;
    return this.#found.filter(isWritten);
  }
}

/**
 * The rows that late events change. Knows which changes of a later event the late events would
 * undo. If a late event puts the row, this is every change. If it patches the row, it is every
 * change of the columns that it sets.
 */
export class LateRows {
  readonly #put = new Set<string>();
  readonly #patched = new Set<string>();

  constructor(late: Iterable<RowChange>) {
    for (const change of late) {
      if (change.kind === 'ensure') continue;
      const names = change.kind === 'put' ? this.#put : this.#patched;
      for (const key of keysOf(change)) names.add(nameOf(change.table, key));
    }
  }

  areTouchedBy(changes: readonly RowChange[]): boolean {
    return changes.some((change) =>
      keysOf(change).some((key) => {
        const name = nameOf(change.table, key);
        return this.#put.has(name) || this.#patched.has(name);
      }),
    );
  }

  /** The changes to apply again. Call it for each later event, in the log's order. */
  undone(changes: readonly RowChange[]): readonly RowChange[] {
    return changes.flatMap((change) => {
      if (change.kind === 'ensure') return [];
      if (change.kind === 'put') return this.#putAgain(change);
      const name = nameOf(change.table, change.key);
      if (this.#put.has(name)) return [change];
      return this.#patched.has(name) ? [{ ...change, add: {} }] : [];
    });
  }

  #putAgain(change: Extract<RowChange, { kind: 'put' }>): readonly RowChange[] {
    const { table } = change;
    const rows = change.rows.filter((row) => {
      const name = nameOf(table, keyOfRow(table, row));
      if (this.#patched.has(name)) this.#put.add(name);
      return this.#put.has(name);
    });
    return rows.length === 0 ? [] : [{ ...change, rows }];
  }
}

const nameOf = ({ name }: TableShape, key: readonly string[]): string => `${name} ${keyText(key)}`;
