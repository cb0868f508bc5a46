import { checkConcertId, checkSessionId } from '../events/check-concert.ts';
import { pause } from '../support/pause.ts';
import type { Check } from './judge.ts';

/**
 * The buyer of every journey. It is always the same user. So it never has more than one place in
 * the room, and the next check can use this place.
 */
const checkUserId = checkConcertId;

/**
 * Longest waits, in milliseconds: for one answer, for the admission, until the concert is on sale,
 * and until a change is shown.
 */
export const journeyBounds = { answerMs: 5_000, admittedMs: 10_000, onSaleMs: 10_000 };
/** The time between two checks for the concert or for the queue, in milliseconds. */
const lookMs = 200;
/** The number of tries to give the reserved seat back, because an answer may be lost. */
const cancelsMax = 3;

/** What a journey needs. */
export interface JourneyParts {
  /** Of the API. */
  readonly url: string;
  /**
   * Puts the concert of the check on sale if it is not, with the currency of the shop.
   * @throws Error with a message for people when it cannot
   */
  readonly register: (currency: string) => Promise<void>;
}

/** An answer other than what the step needs. */
class StepFailed extends Error {}
/** There is nothing to check now. The message says why. */
class NothingToCheck extends Error {}
/** It cannot be checked from here. */
class CannotCheck extends Error {}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly position: string | undefined;
}

/**
 * The journey of a buyer without a payment, on a concert that no buyer sees: queue, sessions,
 * seats, reservation, cancellation. Afterwards no seat is held. Never throws.
 */
export async function makeJourney(parts: JourneyParts): Promise<Check> {
  const name = 'journey';
  const took: string[] = [];
  try {
    await new Journey(parts, took).run();
    return { name, outcome: 'ok', detail: took.join(', ') };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    if (error instanceof NothingToCheck) return { name, outcome: 'skipped', detail };
    if (error instanceof CannotCheck) return { name, outcome: 'unknown', detail };
    return { name, outcome: 'failed', detail };
  }
}

class Journey {
  readonly #parts: JourneyParts;
  readonly #took: string[];

  constructor(parts: JourneyParts, took: string[]) {
    this.#parts = parts;
    this.#took = took;
  }

  async run(): Promise<void> {
    await this.#onSale();
    const token = await this.#timed('queue', () => this.#admitted());
    await this.#timed('sessions', () =>
      this.#get('sessions', `/concert/${checkConcertId}/session`),
    );
    const seatId = await this.#timed('seats', async () => oneOf(await this.#freeSeats('seats')));
    const reservationId = await this.#timed('reserve', () => this.#reserve(seatId, token));
    const position = await this.#timed('cancel', () => this.#cancel(reservationId, seatId));
    await this.#timed('free again', async () => {
      const free = await this.#freeSeats('free again', position);
      if (!free.includes(seatId)) {
        throw new StepFailed(`free again: seat ${seatId} was given back, and is not shown as free`);
      }
    });
  }

  /** Puts the concert on sale if it is not. */
  async #onSale(): Promise<void> {
    if ((await this.#call('GET', seatsPath)).status !== 404) return;
    // The check writes no event to a restored log before an operator has opened its sale.
    const never = `/concert/reservation/${checkSessionId}.A-1-1.1?userId=${checkUserId}`;
    refuseClosed(await this.#call('DELETE', never));
    const { currency } = await this.#get('currency', `/concert/balance?userId=${checkUserId}`);
    await this.#parts.register(String(currency)).catch((error: Error) => {
      throw new CannotCheck(`its concert is not on sale yet, and cannot be put: ${error.message}`);
    });
    const endMs = performance.now() + journeyBounds.onSaleMs;
    while ((await this.#call('GET', seatsPath)).status === 404) {
      if (performance.now() > endMs) {
        throw new StepFailed(
          `on sale: the API does not show ${checkConcertId} within ${journeyBounds.onSaleMs} ms: ` +
            'do EVENTSTORE_URL and DATA_DIR name the log of this service?',
        );
      }
      await pause(lookMs);
    }
  }

  async #admitted(): Promise<string> {
    const path = `/concert/waiting/status?userId=${checkUserId}&concertId=${checkConcertId}`;
    const endMs = performance.now() + journeyBounds.admittedMs;
    for (;;) {
      const answer = await this.#call('GET', path);
      const steer = `reprise queue resume --room ${checkConcertId}`;
      if (answer.body.code === 'queue-draining') {
        throw new NothingToCheck(`nobody new may enrol in the room ${checkConcertId}: ${steer}`);
      }
      // Redis has nothing of a room that it lost, or that is new: the first call has it rebuilt.
      if (answer.body.code === 'queue-unavailable' && performance.now() < endMs) {
        await pause(lookMs);
        continue;
      }
      const { processing, token, estimateReason, retryAfterMs } = bodyOf('queue', answer);
      if (processing === true) return String(token);
      if (estimateReason === 'paused') {
        throw new NothingToCheck(`the room ${checkConcertId} is paused: ${steer}`);
      }
      if (performance.now() > endMs) {
        throw new StepFailed(`queue: not let in within ${journeyBounds.admittedMs} ms`);
      }
      await pause(Number(retryAfterMs));
    }
  }

  async #freeSeats(step: string, position?: string): Promise<readonly string[]> {
    const { seatList } = await this.#get(step, seatsPath, {
      ...(position !== undefined && { 'x-min-event-position': position }),
    });
    const seats = seatList as readonly { readonly seatId: string; readonly isAvailable: boolean }[];
    return seats.filter(({ isAvailable }) => isAvailable).map(({ seatId }) => seatId);
  }

  async #reserve(seatId: string, token: string): Promise<string> {
    const answer = await this.#call('POST', '/concert/reservation', {
      headers: { AuthorizationWaiting: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ concertId: checkConcertId, sessionId: checkSessionId },
        ...{ seatId, userId: checkUserId },
      }),
    });
    refuseClosed(answer);
    return String(bodyOf('reserve', answer).reservationId);
  }

  /** @returns the position in the log from which on the seat is free */
  async #cancel(reservationId: string, seatId: string): Promise<string | undefined> {
    const path = `/concert/reservation/${reservationId}?userId=${checkUserId}`;
    for (let left = cancelsMax; ; left -= 1) {
      try {
        const answer = await this.#call('DELETE', path);
        bodyOf('cancel', answer);
        return answer.position;
      } catch (error) {
        if (left > 1) continue;
        throw new StepFailed(
          `${(error as Error).message}; seat ${seatId} stays held until its hold ends`,
        );
      }
    }
  }

  async #get(step: string, path: string, headers = {}): Promise<Answer['body']> {
    return bodyOf(step, await this.#call('GET', path, { headers }));
  }

  async #call(method: string, path: string, init: RequestInit = {}): Promise<Answer> {
    const signal = AbortSignal.timeout(journeyBounds.answerMs);
    const asked = `${method} ${path.split('?', 1)[0]}`;
    try {
      const response = await fetch(this.#parts.url + path, { method, signal, ...init });
      const body = (await response.json()) as Answer['body'];
      const position = response.headers.get('x-event-position') ?? undefined;
      return { status: response.status, body, position };
    } catch (error) {
      throw new StepFailed(`${asked}: no answer (${(error as Error).message})`);
    }
  }

  async #timed<T>(step: string, work: () => Promise<T>): Promise<T> {
    const beginMs = performance.now();
    const value = await work();
    this.#took.push(`${step} ${Math.round(performance.now() - beginMs)} ms`);
    return value;
  }
}

const seatsPath = `/concert/${checkConcertId}/seat?sessionId=${checkSessionId}`;

function bodyOf(step: string, { status, body }: Answer): Answer['body'] {
  if (status === 200) return body;
  throw new StepFailed(`${step}: ${status} ${body.code}, ${body.detail}`);
}

/** What a journey says that is skipped because nobody can buy yet. */
export const saleClosed = 'the log was restored, and its sale is closed: reprise restore open';

function refuseClosed({ body }: Answer): void {
  if (body.code === 'sale-closed') throw new NothingToCheck(saleClosed);
}

/** A random seat, so that several checks at the same time rarely want the same one. */
function oneOf(seats: readonly string[]): string {
  const seat = seats[Math.floor(Math.random() * seats.length)];
  if (seat === undefined) throw new StepFailed('seats: none of the check’s concert is free');
  return seat;
}
