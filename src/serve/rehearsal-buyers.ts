import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** The data of the requests of a rehearsal's buyers. */
export interface RehearsalScript {
  readonly port: number;
  /**
   * The lists that they read: those of a concert and a session that are on sale, if there are any.
   */
  readonly shown: { readonly concertId: string; readonly sessionId: string } | undefined;
  /** The concert whose seats they buy. */
  readonly concertId: string;
  /** Returns another seat at each call; undefined if there is none left. */
  readonly nextSeat: () => { readonly sessionId: string; readonly seatId: string } | undefined;
  readonly userId: string;
}

interface Heard {
  readonly status: number;
  readonly body: string;
}

/**
 * A `traceparent` that is not sampled, so no spans are recorded (W3C Trace Context: the flags at
 * its end are 00).
 */
const unsampled = '00-0123456789abcdef0123456789abcdef-0123456789abcdef-00';
const host = `Host: localhost\r\ntraceparent: ${unsampled}\r\n`;

/** A balance that lasts for a rehearsal, in minor units. */
const amount = 1_000_000_000;

/**
 * One buyer of a rehearsal, on one connection. It writes HTTP itself instead of using a client,
 * because the code of a client would be of no use after the rehearsal. Its calls reject when the
 * connection ends.
 */
export class RehearsalBuyer {
  readonly #socket: Socket;
  readonly #script: RehearsalScript;
  #came = '';
  #heard: ((answer: Heard) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  private constructor(socket: Socket, script: RehearsalScript) {
    this.#socket = socket;
    this.#script = script;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#take(text));
    socket.on('error', () => {});
    socket.on('close', () => this.#failed?.(new Error('the rehearsal is over')));
  }

  static async connect(script: RehearsalScript): Promise<RehearsalBuyer> {
    const socket = connect(script.port, '127.0.0.1');
    await once(socket, 'connect');
    return new RehearsalBuyer(socket, script);
  }

  async charge(): Promise<void> {
    const { userId } = this.#script;
    const headers = `Idempotency-Key: ${randomUUID()}\r\n`;
    await this.#post('/concert/balance', { userId, amount }, headers);
  }

  /**
   * A journey from the queue to the balance. @returns whether a seat was paid; undefined if no seat
   * is left
   */
  async journey(): Promise<boolean | undefined> {
    const { shown, concertId, userId, nextSeat } = this.#script;
    const seat = nextSeat();
    if (seat === undefined) return undefined;
    const place = await this.#get(`/concert/waiting/status?userId=${userId}`);
    if (shown !== undefined) {
      await this.#get(`/concert/${shown.concertId}/session`);
      await this.#get(`/concert/${shown.concertId}/seat?sessionId=${shown.sessionId}`);
    }
    const { token = '' } = JSON.parse(place.body) as { token?: string };
    const admitted = `AuthorizationWaiting: Bearer ${token}\r\n`;
    const held = await this.#post('/concert/reservation', { concertId, ...seat, userId }, admitted);
    let isPaid = false;
    if (held.status === 200) {
      const { reservationId } = JSON.parse(held.body) as { reservationId: string };
      const paid = await this.#post('/concert/payment', { userId, reservationId }, admitted);
      isPaid = paid.status === 200;
    }
    await this.#get(`/concert/balance?userId=${userId}`);
    return isPaid;
  }

  end(): void {
    this.#socket.destroy();
  }

  #get(path: string): Promise<Heard> {
    return this.#ask(`GET ${path} HTTP/1.1\r\n${host}\r\n`);
  }

  #post(path: string, body: object, headers: string): Promise<Heard> {
    const text = JSON.stringify(body);
    const type = `Content-Type: application/json\r\nContent-Length: ${text.length}\r\n`;
    return this.#ask(`POST ${path} HTTP/1.1\r\n${host}${headers}${type}\r\n${text}`);
  }

  #ask(request: string): Promise<Heard> {
    return new Promise((resolve, reject) => {
      this.#heard = resolve;
      this.#failed = reject;
      if (this.#socket.destroyed) reject(new Error('the rehearsal is over'));
      else this.#socket.write(request);
    });
  }

  #take(text: string): void {
    this.#came += text;
    const head = this.#came.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/\r\nContent-Length: (\d+)/i.exec(this.#came)?.[1] ?? 0);
    if (this.#came.length < head + 4 + length) return;
    const status = Number(this.#came.slice(9, 12));
    const body = this.#came.slice(head + 4, head + 4 + length);
    this.#came = '';
    this.#heard?.({ status, body });
  }
}
