import type { StoredEvent } from '../events/codec.ts';
import type { LogFacts, Span } from './facts.ts';
import { placeIn } from './place-in.ts';

/** The largest number of ended holds that are listed. */
const listedMax = 50;

interface OpenHold {
  readonly userId: string;
  readonly untilMs: number;
}

type Holds = LogFacts['holds'];

/**
 * Buyers whose hold ended during the incident, so that they could not pay. The end of the hold
 * counts, not the time when the seat was given back.
 */
export class HoldsInTime {
  readonly #span: Span;
  readonly #open = new Map<string, OpenHold>();
  readonly #losers = new Map<string, { boughtLater: boolean }>();
  readonly #listed: Holds['listed'] = [];
  #ranOut = 0;
  #ranOutBefore = 0;

  constructor(span: Span) {
    this.#span = span;
  }

  see(event: StoredEvent): void {
    if (event.type === 'SeatReserved') {
      const { reservationId, userId, expiresAt } = event.data;
      const untilMs = Date.parse(expiresAt);
      this.#open.set(reservationId, { userId, untilMs });
    } else if (event.type === 'SeatSold') {
      this.#open.delete(event.data.reservationId);
      const loser = this.#losers.get(event.data.userId);
      if (loser !== undefined) loser.boughtLater = true;
    } else if (event.type === 'SeatReleased') {
      const { reservationId, reason } = event.data;
      const hold = this.#open.get(reservationId);
      this.#open.delete(reservationId);
      if (hold !== undefined && reason === 'expired') this.#over(event, hold, reservationId);
    }
  }

  #over(event: StoredEvent, { userId, untilMs }: OpenHold, reservationId: string): void {
    const { beganMs, endedMs } = this.#span;
    const lastsMs = endedMs - beganMs;
    if (untilMs >= beganMs - lastsMs && untilMs < beganMs) this.#ranOutBefore += 1;
    if (untilMs < beganMs || untilMs > endedMs) return;
    this.#ranOut += 1;
    this.#losers.set(userId, { boughtLater: false });
    if (this.#listed.length < listedMax) {
      this.#listed.push({ ...placeIn(event), reservationId, userId });
    }
  }

  conclude(): Holds {
    const losers = [...this.#losers.values()];
    return {
      ranOut: this.#ranOut,
      buyers: losers.length,
      boughtLater: losers.filter(({ boughtLater }) => boughtLater).length,
      ranOutBefore: this.#ranOutBefore,
      listed: this.#listed,
    };
  }
}
