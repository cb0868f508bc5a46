import type { CommittedEvent } from '../log/log.ts';

/** A receiver of events as they are committed. */
export interface Subscriber {
  /** Called after each commit with the events for this subscriber, in order. */
  onCommitted(events: readonly CommittedEvent[]): void;
}

/** Distributes commits to the subscribers: to those of a single stream, and to those of `$all`. */
export class SubscriptionHub {
  readonly #all = new Set<Subscriber>();
  readonly #byStream = new Map<string, Set<Subscriber>>();

  /** `stream` undefined: every event. Returns a function that ends the subscription. */
  join(subscriber: Subscriber, stream: string | undefined): () => void {
    if (stream === undefined) {
      this.#all.add(subscriber);
      return () => this.#all.delete(subscriber);
    }
    const others = this.#byStream.get(stream) ?? new Set();
    others.add(subscriber);
    this.#byStream.set(stream, others);
    return () => {
      others.delete(subscriber);
      if (others.size === 0 && this.#byStream.get(stream) === others) this.#byStream.delete(stream);
    };
  }

  /** The current subscribers. */
  get size(): number {
    let size = this.#all.size;
    for (const subscribers of this.#byStream.values()) size += subscribers.size;
    return size;
  }

  publish(events: readonly CommittedEvent[]): void {
    for (const subscriber of this.#all) subscriber.onCommitted(events);
    if (this.#byStream.size === 0) return;
    for (const event of events)
      for (const subscriber of this.#byStream.get(event.stream) ?? [])
        subscriber.onCommitted([event]);
  }
}
