import {
  type EventStore,
  LogDiffers,
  type LogMessage,
  type LogPlace,
} from '../../../src/commands/core/event-store.ts';
import type { RecordedEvent } from '../../../src/events/codec.ts';
import { eventAt, isBefore, type LogPosition } from '../../../src/events/log-position.ts';

/**
 * A log in an array, for tests that must say exactly when a subscriber gets which message. The only
 * double there is: everything else runs against a server.
 */
export class ArrayEventStore implements Pick<EventStore, 'subscribe' | 'head' | 'readStream'> {
  readonly log: LogMessage[] = [];
  /** Subscribers get no message at or after this index. */
  heldBackFrom = Number.POSITIVE_INFINITY;
  /**
   * Reads of a stream do not show what is before this revision; the log does, until it is
   * scavenged.
   */
  readonly truncatedBefore = new Map<string, bigint>();
  /** Subscriptions that were opened, by the position asked for. */
  readonly subscribedAfter: (bigint | null)[] = [];
  #changed: (() => void)[] = [];

  append(...events: readonly RecordedEvent[]): void {
    for (const event of events) this.log.push({ kind: 'event', event });
    this.#tell();
  }

  checkpoint(position: bigint): void {
    this.log.push({ kind: 'checkpoint', position: eventAt(position) });
    this.#tell();
  }

  holdBackFrom(index: number): void {
    this.heldBackFrom = index;
    this.#tell();
  }

  async head(): Promise<bigint | null> {
    const last = this.log.at(-1);
    return last === undefined ? null : positionOf(last).commit;
  }

  async *readStream(
    stream: string,
    from = 0n,
    countMax = Number.POSITIVE_INFINITY,
  ): AsyncIterable<RecordedEvent> {
    let left = countMax;
    for (const message of this.log) {
      if (message.kind !== 'event' || message.event.stream !== stream) continue;
      const first = this.truncatedBefore.get(stream) ?? 0n;
      if (message.event.revision < from || message.event.revision < first) continue;
      if (left-- <= 0) return;
      yield message.event;
    }
  }

  async *subscribe({
    after,
    prefixes,
    signal,
  }: Parameters<EventStore['subscribe']>[0]): AsyncIterable<LogMessage> {
    this.subscribedAfter.push(after?.position.commit ?? null);
    const known = after?.event;
    if (known !== undefined && !this.#has(known)) throw LogDiffers.lacks(known, 'it is not there');
    signal.addEventListener('abort', () => this.#tell(), { once: true });
    let caughtUp = false;
    for (let index = 0; !signal.aborted; ) {
      const message = index < this.heldBackFrom ? this.log[index] : undefined;
      if (message !== undefined) {
        index += 1;
        const position = positionOf(message);
        const isWanted =
          message.kind !== 'event' || prefixes.some((one) => message.event.stream.startsWith(one));
        if (isWanted && isBefore(after?.position ?? null, position)) yield message;
      } else if (!caughtUp) {
        caughtUp = true;
        yield { kind: 'caught-up' };
      } else {
        await new Promise<void>((resolve) => this.#changed.push(resolve));
      }
    }
  }

  #has({ position, id }: NonNullable<LogPlace['event']>): boolean {
    return this.log.some(
      (one) =>
        one.kind === 'event' &&
        one.event.position === position &&
        (id === null || one.event.id === id),
    );
  }

  #tell(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

function positionOf(message: LogMessage): LogPosition {
  if (message.kind === 'event') return eventAt(message.event.position);
  if (message.kind === 'checkpoint') return message.position;
  throw new Error('the log holds events and checkpoints');
}
