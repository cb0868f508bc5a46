import {
  type EventMark,
  EventStoreRefused,
  LogDiffers,
  type LogMessage,
  type LogPlace,
  placeOf,
  tombstoneType,
} from '../../commands/core/event-store.ts';
import type { RecordedEvent } from '../../events/codec.ts';
import {
  eventAt,
  isBefore,
  isPossible,
  type LogPosition,
  rightBefore,
} from '../../events/log-position.ts';

/** What is looked at of an event. */
export type EventInLog = Pick<RecordedEvent, 'id' | 'position' | 'revision' | 'stream' | 'type'>;

/**
 * Where a subscription is in the log, and whether what comes next may come there: nothing that a
 * server says about positions is believed. What is delivered is strictly ascending over all calls.
 *
 * Each call begins with the last event that was delivered. So the log shows first that it is the
 * one that was read before; an exchanged log, an older copy and a node that is behind do not have
 * that event at its place. A reader that knows of no event begins at the start.
 */
export class Reading {
  #place: LogPlace | null;
  /** The event that the call has to begin with. */
  #awaited: EventMark | undefined;
  readonly #onOddity: (what: string) => void;

  /** @param onOddity called with a description of each skipped message */
  constructor(after: LogPlace | null, onOddity: (what: string) => void) {
    this.#place = after;
    this.#onOddity = onOddity;
  }

  /** Up to where everything was delivered; null: nothing yet. */
  get position(): LogPosition | null {
    return this.#place?.position ?? null;
  }

  /** A call begins. @returns the position to ask for what is after it; null for the start */
  begin(): LogPosition | null {
    this.#awaited = this.#place?.event;
    return this.#awaited === undefined ? null : rightBefore(this.#awaited.position);
  }

  /**
   * The server refused the call. @returns what that means when the log has not yet shown that it is
   * the same
   */
  refused(why: string): LogDiffers | undefined {
    return this.#awaited && LogDiffers.lacks(this.#awaited, why);
  }

  /**
   * @returns whether the message must be delivered
   * @throws LogDiffers, EventStoreRefused: then the call is over
   */
  take(message: LogMessage<EventInLog>): boolean {
    switch (message.kind) {
      case 'event':
        return this.#takeEvent(message.event);
      case 'checkpoint':
        return this.#takeCheckpoint(message.position);
      case 'caught-up':
        if (this.#awaited !== undefined) {
          throw LogDiffers.lacks(this.#awaited, 'it ends before, or has nothing there');
        }
        return true;
    }
  }

  #takeEvent({ id, position, revision, stream, type }: EventInLog): boolean {
    if (!isPossible(eventAt(position))) {
      throw new EventStoreRefused(`event ${revision}@${stream} is at ${position}: no log has that`);
    }
    const known = this.#place?.event;
    if (this.#awaited !== undefined) {
      this.#meet(this.#awaited, { id, position });
      return false;
    }
    if (known !== undefined && position <= known.position) {
      if (position === known.position && id !== known.id) {
        throw LogDiffers.hasMore({ position, id }, `where event ${known.id} was read before`);
      }
      this.#onOddity('the event store sent events again, which were read before: left out');
      return false;
    }
    if (!isBefore(this.position, eventAt(position))) {
      // Readers take a tombstone for a stretch without events.
      if (type === tombstoneType) return false;
      // Nobody has had it, and what follows it may be written already.
      throw LogDiffers.hasMore({ position, id }, 'which it had passed over');
    }
    this.#place = placeOf({ position, id });
    return true;
  }

  /** The log is the one that was read before, if this is the event that it has to begin with. */
  #meet(awaited: EventMark, found: EventMark): void {
    const isSame =
      found.position === awaited.position && (awaited.id === null || found.id === awaited.id);
    if (!isSame) {
      throw LogDiffers.lacks(
        awaited,
        `event ${found.id} at position ${found.position} is next there`,
      );
    }
    this.#awaited = undefined;
    if (this.#place !== null) this.#place = { ...this.#place, event: found };
  }

  #takeCheckpoint(position: LogPosition): boolean {
    if (!isPossible(position)) {
      const { commit, prepare } = position;
      this.#onOddity(`the event store sent checkpoint ${commit}/${prepare}, no place: left out`);
      return false;
    }
    if (this.#awaited !== undefined) {
      if (isBefore(position, eventAt(this.#awaited.position))) return false;
      throw LogDiffers.lacks(this.#awaited, 'it has been read past it');
    }
    if (!isBefore(this.position, position)) return false;
    this.#place = { position, event: this.#place?.event };
    return true;
  }
}
