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
import type { RowChange, TableShape } from './row-change.ts';

/**
 * Claims of ids, and requests, are not part of any read model: the engine does not subscribe to
 * their streams. A skip is not part of one either.
 */
type ProjectedType = Exclude<EventType, (CatalogEvent | RequestEvent | SkipEvent)['type']>;

type CategoryOf<T extends ProjectedType> = (typeof categoryOf)[T];

/** The parts of an event that a projection sees. */
export interface Fact<T extends ProjectedType> {
  readonly data: EventData[T];
  /** The ids in the name of the event's stream. */
  readonly stream: Extract<StreamName, { category: CategoryOf<T> }>;
  /** Position in the log, decimal. */
  readonly position: string;
  /** The time of the event in the log, ISO 8601 UTC. */
  readonly at: string;
}

/** A read model's writer: a pure map from events to row changes. */
export interface Projection {
  readonly name: string;
  /**
   * Raise it when the tables or their meaning change. Then the service builds them again from the
   * log.
   */
  readonly version: number;
  readonly tables: readonly TableShape[];
  /** Event types that are not here are ignored. */
  readonly on: { readonly [T in ProjectedType]?: (fact: Fact<T>) => readonly RowChange[] };
}

/**
 * Joins projections into one function from an event to all of its row changes. It throws
 * UnreadableEvent if the type of an event does not belong to its stream.
 */
export function joinProjections(
  projections: readonly Projection[],
): (event: StoredEvent) => readonly RowChange[] {
  type Handler = (fact: AnyFact) => readonly RowChange[];
  const handlers = new Map<string, Handler[]>();
  for (const { on } of projections) {
    for (const [type, handler] of Object.entries(on)) {
      handlers.set(type, [...(handlers.get(type) ?? []), handler as Handler]);
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

/** A fact of any type. */
type AnyFact = Pick<RecordedFact, 'data' | 'stream' | 'position' | 'at'>;

/** Computes a property only when a handler reads it. */
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

/** Events that were appended together have the same time. Its text is made once. */
let lastTime = { ms: Number.NaN, text: '' };

function isoTime(ms: number): string {
  if (lastTime.ms !== ms) lastTime = { ms, text: new Date(ms).toISOString() };
  return lastTime.text;
}
