import { z } from 'zod';
import { answerCommand } from '../answer-command.ts';
import { type ApiContext, endpoint } from '../endpoint.ts';
import type { Exchange } from '../exchange.ts';
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
    const { userId } = body;
    const key = headers['idempotency-key'];
    const asked = { name: 'pay', userId, key, fields: body, token: headers.authorizationwaiting };
    return answerOnceAdmitted(api, asked, exchange, async (context) => {
      const result = await api.sales.pay({ ...body, context });
      if (result.ok) void makeRoom(api, userId, exchange);
      return answerCommand(api, userId, result);
    });
  },
});

/** The paid buyer's place is shortened beside the answer: the payment stands whether or not the queue answers. */
async function makeRoom(
  { queue, log }: ApiContext,
  userId: string,
  exchange: Exchange,
): Promise<void> {
  try {
    await queue.shorten(userId);
  } catch (error) {
    log.error({ requestId: exchange.requestId, err: error }, 'the place was not shortened');
  }
}
