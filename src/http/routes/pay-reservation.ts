import { z } from 'zod';
import { answerCommand } from '../answer-command.ts';
import { besideAnswer } from '../authorize.ts';
import { endpoint } from '../endpoint.ts';
import { optionalKeyHeader, tokenHeader } from '../headers.ts';
import { answerOnceAdmitted } from '../idempotency.ts';
import { currency, idOut, money, reservationIdField, userIdField } from '../schemas.ts';

export const payReservation = endpoint({
  name: 'payReservation',
  method: 'post',
  path: '/concert/payment',
  summary:
    'Pays held seats from the balance. Paying a paid reservation again returns the same payment.',
  headers: z.object({ ...tokenHeader, ...optionalKeyHeader }),
  body: z.object({ userId: userIdField, reservationId: reservationIdField }),
  answer: z.object({
    paymentId: idOut,
    reservationId: idOut,
    amount: money,
    currency,
    balance: money,
  }),
  positioned: true,
  problems: [
    'token-missing',
    'token-unknown',
    'token-not-yours',
    'not-admitted',
    'token-other-room',
    'reservation-not-found',
    'reservation-not-yours',
    'hold-expired',
    'already-released',
    'seat-taken',
    'balance-too-small',
    'idempotency-key-reused',
    'request-running',
    'overloaded',
    'event-store-unavailable',
    'event-unreadable',
    'queue-unavailable',
  ],
  handle(api, { headers, body }, exchange) {
    const { userId, reservationId } = body;
    const key = headers['idempotency-key'];
    const room = () => api.rooms.ofReservation(reservationId);
    const asked = {
      ...{ name: 'pay', userId, key, fields: body, token: headers.authorizationwaiting },
      room,
      // A user who holds a seat was admitted before, and can pay without a new admission.
      mayWithoutPlace: () => api.sales.holds({ userId, reservationId }),
    };
    return answerOnceAdmitted(api, asked, exchange, async (context) => {
      const result = await api.sales.pay({ ...body, context });
      if (result.ok) {
        besideAnswer(api, exchange, async () =>
          api.rooms.queueOf((await room()) ?? '').shorten(userId),
        );
      }
      return answerCommand(api, userId, result);
    });
  },
});
