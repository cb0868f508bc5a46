import { isOfThisShop, type RecordedEvent } from '../../events/codec.ts';
import { type EventStore, EventStoreRefused } from './event-store.ts';

/** Streams whose owner is remembered. For other streams, the first event is read again. */
const streamsMax = 10_000;

/** The time between two reports of the number of events, in milliseconds. */
const reportMs = 600_000;

/**
 * Events of other programs in streams with names like ours: other programs may use the log, too. If
 * the first event of a stream is not from this shop, the stream is foreign. The service ignores
 * foreign events on it. It does not ignore a foreign event on one of its own streams, because an
 * own event may be damaged there.
 */
export class ForeignStreams {
  /** By the name of a stream: is it foreign? The stream of the last question is at the end. */
  readonly #known = new Map<string, boolean>();
  readonly #store: Pick<EventStore, 'readStream'>;
  readonly #report: (facts: { readonly events: number; readonly stream: string }) => void;
  readonly #monotonic: () => number;
  #events = 0;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  /**
   * @param report called with the number of events: for the first event, then every ten minutes
   * while more events come
   */
  constructor(
    store: Pick<EventStore, 'readStream'>,
    report: (facts: { readonly events: number; readonly stream: string }) => void = () => {},
    monotonic: () => number = () => performance.now(),
  ) {
    this.#store = store;
    this.#report = report;
    this.#monotonic = monotonic;
  }

  /** The number of ignored events. */
  get events(): number {
    return this.#events;
  }

  /**
   * Should the service ignore this event? Needs a read only for a foreign event on a stream that is
   * not remembered.
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
    const isForeign = await this.#beginsForeign(stream);
    this.#remember(stream, isForeign);
    return this.#counted(isForeign, stream);
  }

  async #beginsForeign(stream: string): Promise<boolean> {
    try {
      for await (const first of this.#store.readStream(stream)) return !isOfThisShop(first);
    } catch (error) {
      if (!(error instanceof EventStoreRefused)) throw error;
    }
    // The stream was deleted. So it has no events of ours that this event could damage.
    return true;
  }

  #remember(stream: string, isForeign: boolean): void {
    this.#known.delete(stream);
    this.#known.set(stream, isForeign);
    if (this.#known.size <= streamsMax) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  #counted(isForeign: boolean, stream: string): boolean {
    if (!isForeign) return false;
    this.#events += 1;
    const nowMs = this.#monotonic();
    if (nowMs - this.#reportedAtMs < reportMs) return true;
    this.#reportedAtMs = nowMs;
    this.#report({ events: this.#events, stream });
    return true;
  }
}
