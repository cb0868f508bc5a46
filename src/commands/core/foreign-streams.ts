import { isOfThisShop, type RecordedEvent } from '../../events/codec.ts';
import { type EventStore, EventStoreRefused } from './event-store.ts';

/** Streams whose owner is remembered; of others the first event is read again. */
const streamsMax = 10_000;

/** Between two reports of how many events there were, in milliseconds. */
const reportMs = 600_000;

/**
 * Events of other programs in streams with names like ours: other programs may use the log, too. A
 * stream whose first event is not this shop's is foreign, and the events of others on it are passed
 * over. An event of theirs on a stream of ours is not passed over: something may be missing there.
 */
export class ForeignStreams {
  /** Whether a stream is foreign, by its name, the one asked for last at the end. */
  readonly #known = new Map<string, boolean>();
  readonly #store: Pick<EventStore, 'readStream'>;
  readonly #report: (facts: { readonly events: number; readonly stream: string }) => void;
  readonly #monotonic: () => number;
  #events = 0;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  /**
   * @param report called for the first event, then every ten minutes while more come, with their
   * number
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

  /** Events that were passed over. */
  get events(): number {
    return this.#events;
  }

  /**
   * Should an event be passed over? Costs a read only for an event that is not ours, on a stream
   * that is not remembered.
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
    // Deleted: it has nothing of ours that this event could be in the way of.
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
