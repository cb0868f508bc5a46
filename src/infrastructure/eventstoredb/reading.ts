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

/** The parts of an event that are checked. */
export type EventInLog = Pick<RecordedEvent, 'id' | 'position' | 'revision' | 'stream' | 'type'>;

/**
 * The position of a subscription in the log. It checks whether each message may come next, because
 * positions from a server are not trusted. Delivered messages are strictly ascending over all
 * calls.
 *
 * Each call begins with the last event that was delivered. So the log first proves that it is the
 * log that was read before. Another log, an older copy, or a node that is behind does not have that
 * event at its place. A reader that knows no event begins at the start.
 */
export class Reading {
  #place: LogPlace | null;
  /** The event with which the call must begin. */
  #awaited: EventMark | undefined;
  readonly #onOddity: (what: string) => void;

  /** @param onOddity called with a description of each skipped message */
  constructor(after: LogPlace | null, onOddity: (what: string) => void) {
    this.#place = after;
    this.#onOddity = onOddity;
  }

  /** The position up to which everything was delivered; null if nothing was. */
  get position(): LogPosition | null {
    return this.#place?.position ?? null;
  }

  /**
   * A call begins.
   * @returns the position after which to read; null for the start
   */
  begin(): LogPosition | null {
    this.#awaited = this.#place?.event;
    return this.#awaited === undefined ? null : rightBefore(this.#awaited.position);
  }

  /**
   * The server refused the call.
   * @returns the error, if the log has not yet proved that it is the same log
   */
  refused(why: string): LogDiffers | undefined {
    return this.#awaited && LogDiffers.lacks(this.#awaited, why);
  }

  /**
   * @returns whether the message must be delivered
   * @throws LogDiffers, EventStoreRefused. After them, the call is over
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
      this.#onOddity('the event store sent events again that were read before; they are ignored');
      return false;
    }
    if (!isBefore(this.position, eventAt(position))) {
      // For readers, a tombstone is a stretch without events.
      if (type === tombstoneType) return false;
      // No reader has got it, and events after it may already be written.
      throw LogDiffers.hasMore({ position, id }, 'which it had passed over');
    }
    this.#place = placeOf({ position, id });
    return true;
  }

  /**
   * If this is the event with which the call must begin, the log is the log that was read before.
   */
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
      const what = `the event store sent the checkpoint ${commit}/${prepare}`;
      this.#onOddity(`${what}, which is no position in the log; it is ignored`);
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
