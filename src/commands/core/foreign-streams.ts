import { isOfThisShop, type RecordedEvent } from '../../events/codec.ts';
import { type EventStore, EventStoreRefused } from './event-store.ts';

/** Streams of which it is remembered whose they are; of the others the first event is read again when it is asked. */
const streamsMax = 10_000;

/** Between two lines that tell how many events there were, in milliseconds. */
const tellMs = 600_000;

/**
 * Events that somebody else has put into streams that are named like ours: other programs may use the log, too. A stream
 * whose first event is no event of this shop's is nobody's, and what others write to it is passed over. An event of theirs on a
 * stream of ours is not: something may be missing there.
 */
export class ForeignStreams {
  /** Whether a stream is nobody's, by its name, the one asked for last at the end. */
  readonly #known = new Map<string, boolean>();
  readonly #store: Pick<EventStore, 'readStream'>;
  readonly #tell: (facts: { readonly events: number; readonly stream: string }) => void;
  readonly #monotonic: () => number;
  #events = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  /** @param tell told of the first event, and then, with how many there were by now, once in ten minutes while more come */
  constructor(
    store: Pick<EventStore, 'readStream'>,
    tell: (facts: { readonly events: number; readonly stream: string }) => void = () => {},
    monotonic: () => number = () => performance.now(),
  ) {
    this.#store = store;
    this.#tell = tell;
    this.#monotonic = monotonic;
  }

  /** Events that were passed over. */
  get events(): number {
    return this.#events;
  }

  /**
   * Is an event to be passed over? Costs a read only for an event that is not ours, on a stream that is not remembered.
   * @throws EventStoreUnavailable
   */
  has(event: RecordedEvent): boolean | Promise<boolean> {
    if (isOfThisShop(event)) return false;
    const { stream, revision } = event;
    const known = revision === 0n || this.#known.get(stream);
    if (known === undefined) return this.#look(event);
    this.#remember(stream, known);
    return this.#counted(known, stream);
  }

  async #look({ stream }: RecordedEvent): Promise<boolean> {
    const isNobodys = await this.#beginsForeign(stream);
    this.#remember(stream, isNobodys);
    return this.#counted(isNobodys, stream);
  }

  async #beginsForeign(stream: string): Promise<boolean> {
    try {
      for await (const first of this.#store.readStream(stream)) return !isOfThisShop(first);
    } catch (error) {
      if (!(error instanceof EventStoreRefused)) throw error;
    }
    // Deleted: it has nothing of ours that this event could be in the way of.
    return true;
  }

  #remember(stream: string, isNobodys: boolean): void {
    this.#known.delete(stream);
    this.#known.set(stream, isNobodys);
    if (this.#known.size <= streamsMax) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  #counted(isNobodys: boolean, stream: string): boolean {
    if (!isNobodys) return false;
    this.#events += 1;
    const nowMs = this.#monotonic();
    if (nowMs - this.#toldAtMs < tellMs) return true;
    this.#toldAtMs = nowMs;
    this.#tell({ events: this.#events, stream });
    return true;
  }
}
