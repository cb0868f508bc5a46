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
import type { ParkedEvents } from './parked-streams.ts';
import { parkedName } from './parked-table.ts';

/** So many streams are named when later events are read; of more, all of their kind are read. */
const prefixesMax = 50;

/**
 * Prefixes of the other streams whose events change rows that this event changes, too, so that the order between them
 * counts. (A sum does not depend on it, and a `rising` column neither.)
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
  /** Events that are to be written now, in the log's order. */
  readonly late: readonly StoredEvent[];
  /** Does an event change rows that the late ones change? Others are not kept. */
  readonly isConcerned: (event: StoredEvent) => boolean;
  /** They are in no table. */
  readonly skips: Skips;
  readonly signal: AbortSignal;
}

/** Events of other streams that were written before some that are earlier in the log, and change the same rows. */
export class LaterEvents {
  readonly #options: LaterEventsOptions;
  readonly #prefixes: readonly string[];
  readonly #found: StoredEvent[] = [];
  /** They may be parked, too. */
  readonly #unreadable: UnreadableEvent[] = [];
  #last: LogPlace | null;

  constructor(options: LaterEventsOptions) {
    this.#options = options;
    const shared = options.late.filter((event) => sharedWith(event).length > 0);
    const [first] = shared;
    // By its own stream's first event the log is known again.
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
      // Parked, or passed over: in no table.
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
   * Those that the tables have, which are at a position and lack what is parked.
   * @throws UnreadableEvent when they have one that another version wrote and this one cannot read
   */
  inTables(position: bigint | null, parked: readonly ParkedEvents[]): readonly StoredEvent[] {
    const since = new Map(parked.map((one) => [one.stream, one.position]));
    const isWritten = (event: RecordedEvent): boolean => {
      const from = since.get(parkedName(event.stream));
      const isPassed = position !== null && event.position <= position;
      return isPassed && (from === undefined || event.position < from);
    };
    const missed = this.#unreadable.find(({ event }) => isWritten(event));
    if (missed !== undefined) throw missed;
    return this.#found.filter(isWritten);
  }
}

/**
 * Rows that late events change. Of a later event's changes, those count again that the late ones would undo: all of a row
 * that was put, and what was set of a row that is patched.
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

  /** To be asked of one later event after the other, in the log's order. */
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
