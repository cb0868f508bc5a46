import { categoryOf, notHere } from '../../events/belongs.ts';
import { type StoredEvent, UnreadableEvent } from '../../events/codec.ts';
import type {
  CatalogEvent,
  EventData,
  EventType,
  RequestEvent,
  SkipEvent,
} from '../../events/events.ts';
import { parseStream, type StreamName } from '../../events/streams.ts';

/** A value as it is sent to PostgreSQL. Bigint columns that may pass 2^53 travel as decimal strings. */
export type Cell = string | number | boolean | null;
export type Row = Readonly<Record<string, Cell>>;
export type ColumnType = 'text' | 'integer' | 'bigint' | 'timestamptz';

/** A table that a projection writes. */
export interface TableShape {
  readonly name: string;
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** Primary key; its columns are text. */
  readonly key: readonly string[];
  /** Columns that never go back, in whatever order events are written: parked ones come late. */
  readonly rising?: readonly string[];
  /**
   * SQL that makes it with its primary key, and its other indexes for when it is full, by unqualified names. Left out
   * while the table has the shape that the migrations gave it: another shape comes with a raised version of its
   * projection, and the new tables are built beside the old ones when the service starts.
   */
  readonly definition?: { readonly table: string; readonly indexes: readonly string[] };
}

/** A table whose rows have the shape R. */
export interface Table<R> extends TableShape {
  readonly columns: { readonly [C in keyof R & string]: ColumnType };
  readonly key: readonly (keyof R & string)[];
}

/**
 * What an event does to a table:
 * - `put`: whole rows, inserted or replaced;
 * - `ensure`: a whole row, unless its key exists;
 * - `patch`: some columns of a row that exists, set or added to (never the same column both).
 */
export type RowChange =
  | { readonly kind: 'put'; readonly table: TableShape; readonly rows: readonly Row[] }
  | { readonly kind: 'ensure'; readonly table: TableShape; readonly row: Row }
  | {
      readonly kind: 'patch';
      readonly table: TableShape;
      /** In the order of the table's key. */
      readonly key: readonly string[];
      readonly set: Row;
      readonly add: Readonly<Record<string, number>>;
    };

export const put = <R extends object>(table: Table<R>, rows: readonly R[]): RowChange => ({
  kind: 'put',
  table,
  rows: rows as unknown as readonly Row[],
});

export const ensure = <R extends object>(table: Table<R>, row: R): RowChange => ({
  kind: 'ensure',
  table,
  row: row as unknown as Row,
});

export const patch = <R extends object>(
  table: Table<R>,
  key: readonly string[],
  set: Partial<R>,
  add: { readonly [C in keyof R]?: number } = {},
): RowChange => ({
  kind: 'patch',
  table,
  key,
  set: set as unknown as Row,
  add: add as Readonly<Record<string, number>>,
});

/** A row with a patch's columns set, then added to. */
export function patched(
  row: Row,
  { set, add }: Pick<Extract<RowChange, { kind: 'patch' }>, 'set' | 'add'>,
): Row {
  const next: Record<string, Cell> = { ...row, ...set };
  for (const column in add) next[column] = Number(next[column]) + (add[column] ?? 0);
  return next;
}

/**
 * Claims of ids and requests are no part of any read model: their streams are not subscribed to. That an event is skipped
 * is not one either.
 */
type ProjectedType = Exclude<EventType, (CatalogEvent | RequestEvent | SkipEvent)['type']>;

type CategoryOf<T extends ProjectedType> = (typeof categoryOf)[T];

/** What a projection sees of an event. */
export interface Fact<T extends ProjectedType> {
  readonly data: EventData[T];
  /** What the event's stream is about. */
  readonly stream: Extract<StreamName, { category: CategoryOf<T> }>;
  /** Position in the log, decimal. */
  readonly position: string;
  /** When the log took it, ISO 8601 UTC. */
  readonly at: string;
}

/** A read model's writer: a pure map from events to row changes. */
export interface Projection {
  readonly name: string;
  /** Raised when the tables or their meaning change: the tables are then built anew from the log. */
  readonly version: number;
  readonly tables: readonly TableShape[];
  /** Event types that are not here are ignored. */
  readonly on: { readonly [T in ProjectedType]?: (fact: Fact<T>) => readonly RowChange[] };
}

/**
 * Joins projections into one function from an event to all of its row changes.
 * It throws UnreadableEvent when the event is on a stream where its type does not belong.
 */
export function joinProjections(
  projections: readonly Projection[],
): (event: StoredEvent) => readonly RowChange[] {
  type Handler = (fact: RecordedFact) => readonly RowChange[];
  const handlers = new Map<string, Handler[]>();
  for (const { on } of projections) {
    for (const [type, handler] of Object.entries(on)) {
      handlers.set(type, [...(handlers.get(type) ?? []), handler as unknown as Handler]);
    }
  }
  return (event) => {
    // A mark may be on every stream, and changes no row.
    if (categoryOf[event.type] === null) return [];
    const stream = parseStream(event.stream);
    if (stream === undefined || stream.category !== categoryOf[event.type]) {
      throw new UnreadableEvent(event, notHere);
    }
    const fact = new RecordedFact(event, stream);
    const changes: RowChange[] = [];
    for (const handler of handlers.get(event.type) ?? []) changes.push(...handler(fact));
    return changes;
  };
}

/** What handlers do not ask for is not made. */
class RecordedFact {
  readonly data: unknown;
  readonly stream: StreamName;
  readonly #event: StoredEvent;

  constructor(event: StoredEvent, stream: StreamName) {
    this.data = event.data;
    this.stream = stream;
    this.#event = event;
  }

  get position(): string {
    return this.#event.position.toString();
  }

  get at(): string {
    return isoTime(this.#event.createdMs);
  }
}

/** Events that were appended together have one time: its text is made once. */
let lastTime = { ms: Number.NaN, text: '' };

function isoTime(ms: number): string {
  if (lastTime.ms !== ms) lastTime = { ms, text: new Date(ms).toISOString() };
  return lastTime.text;
}
