import type { RecordedEvent } from '../../../src/events/codec.ts';
import type { EventData, EventType } from '../../../src/events/events.ts';
import { beganMs } from './sample.ts';

/** A log that is written event by event, at times in seconds after the incident began. */
export class WrittenLog {
  readonly events: RecordedEvent[] = [];
  readonly #revisions = new Map<string, bigint>();

  add<T extends EventType>(
    seconds: number,
    stream: string,
    type: T,
    data: EventData[T],
    requestId?: string,
  ): void {
    const revision = (this.#revisions.get(stream) ?? -1n) + 1n;
    this.#revisions.set(stream, revision);
    const position = BigInt(this.events.length * 10);
    const metadata = { schemaVersion: 1, commandId: 'c', correlationId: requestId };
    const createdMs = beganMs + seconds * 1_000;
    this.events.push({
      ...{ id: `${position}`, stream, revision, position, type, createdMs, data, metadata },
    });
  }

  reserve(seconds: number, seat: string, userId: string, holdSeconds = 300, turn = 1): void {
    const expiresAt = new Date(beganMs + (seconds + holdSeconds) * 1_000).toISOString();
    this.add(seconds, `seat-s1/${seat}`, 'SeatReserved', {
      ...{ reservationId: `s1.${seat}.${turn}`, userId, price: 100, currency: 'KRW', expiresAt },
    });
  }

  expire(seconds: number, seat: string, userId: string): void {
    const reservationId = `s1.${seat}.1`;
    this.add(seconds, `seat-s1/${seat}`, 'SeatReleased', {
      ...{ reservationId, userId, reason: 'expired' },
    });
  }

  sell(seconds: number, seat: string, userId: string, turn = 1): void {
    const reservationId = `s1.${seat}.${turn}`;
    const paymentId = `pay.${reservationId}`;
    this.add(seconds, `seat-s1/${seat}`, 'SeatSold', { reservationId, paymentId, userId });
  }

  hold(seconds: number, seat: string, userId: string): void {
    const reservationId = `s1.${seat}.1`;
    this.add(
      seconds,
      `account-${userId}`,
      'PaymentHeld',
      {
        ...{ paymentId: `pay.${reservationId}`, reservationId, amount: 100, currency: 'KRW' },
        ...{ balance: 0, holdExpiresAt: '2099-01-01T00:00:00.000Z' },
        at: new Date(beganMs + seconds * 1_000).toISOString(),
      },
      `request-of-${seat}`,
    );
  }

  capture(seconds: number, seat: string, userId: string): void {
    const reservationId = `s1.${seat}.1`;
    this.add(seconds, `account-${userId}`, 'PaymentCaptured', {
      ...{ paymentId: `pay.${reservationId}`, reservationId, amount: 100 },
    });
  }
}
