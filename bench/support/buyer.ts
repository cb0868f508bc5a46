import { setTimeout as delay } from 'node:timers/promises';
import { type Dispatcher, request } from 'undici';

/** The answer of the waiting queue. */
interface Place {
  readonly processing: boolean;
  readonly token: string;
  readonly retryAfterMs: number;
}

const concerts = 10;
/** The number of seats that a buyer tries, if others take them first. */
const attemptsMax = 5;

const pick = <T>(list: readonly T[]): T | undefined =>
  list[Math.floor(Math.random() * list.length)];

/** One user of a service with the demo catalog, who buys one seat as a person does. */
export class Buyer {
  readonly #url: string;
  readonly #userId: string;
  readonly #dispatcher: Dispatcher;
  #token = '';

  constructor(url: string, userId: string, dispatcher: Dispatcher) {
    this.#url = url;
    this.#userId = userId;
    this.#dispatcher = dispatcher;
  }

  async poll(): Promise<Place> {
    const place = await this.#get<Place>(`/concert/waiting/status?userId=${this.#userId}`);
    this.#token = place.token;
    return place;
  }

  /**
   * An admitted user gets the seats, holds one and pays for it, within `ms` milliseconds.
   * @returns whether it is paid
   * @throws when a call fails
   */
  async buy(ms: number): Promise<boolean> {
    await delay(ms / 3);
    await this.poll();
    const concertId = String(1 + Math.floor(Math.random() * concerts));
    const sessions = await this.#get<{ sessionId: string }[]>(`/concert/${concertId}/session`);
    const sessionId = pick(sessions)?.sessionId;
    await delay(ms * (0.6 - 1 / 3));
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const { seatList } = await this.#get<{
        seatList: { seatId: string; isAvailable: boolean }[];
      }>(`/concert/${concertId}/seat?sessionId=${sessionId}`);
      const seatId = pick(seatList.filter(({ isAvailable }) => isAvailable))?.seatId;
      const held = await this.#post('reservation', { concertId, sessionId, seatId });
      if (held.status === 409) continue;
      if (held.status !== 200) return false;
      await delay(ms * 0.4);
      const { reservationId } = held.body as { reservationId: string };
      return (await this.#post('payment', { reservationId })).status === 200;
    }
    return false;
  }

  async #get<T>(path: string): Promise<T> {
    const { statusCode, body } = await request(`${this.#url}${path}`, {
      dispatcher: this.#dispatcher,
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${text}`);
    return JSON.parse(text) as T;
  }

  async #post(what: string, sent: object): Promise<{ status: number; body: unknown }> {
    const { statusCode, body } = await request(`${this.#url}/concert/${what}`, {
      method: 'POST',
      dispatcher: this.#dispatcher,
      headers: {
        'Content-Type': 'application/json',
        AuthorizationWaiting: `Bearer ${this.#token}`,
      },
      body: JSON.stringify({ ...sent, userId: this.#userId }),
    });
    return { status: statusCode, body: await body.json() };
  }
}
