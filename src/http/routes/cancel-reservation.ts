import { z } from 'zod';
import { refused } from '../answer.ts';
import { answerCommand } from '../answer-command.ts';
import { endpoint } from '../endpoint.ts';
import { optionalKeyHeader } from '../headers.ts';
import { answerOnce } from '../idempotency.ts';
import { currency, idOut, money, reservationIdField, userIdField } from '../schemas.ts';

export const cancelReservation = endpoint({
  name: 'cancelReservation',
  method: 'delete',
  path: '/concert/reservation/{reservationId}',
  summary:
    'Gives a reservation back: held seats at any time, paid seats for a refund until the cut-off. Idempotent.',
  params: z.object({ reservationId: reservationIdField }),
  query: z.object({ userId: userIdField }),
  headers: z.object(optionalKeyHeader),
  answer: z.object({
    reservationId: idOut,
    status: z.enum(['cancelled', 'refunded']),
    refunded: money.meta({
      description: 'The refund on the balance; 0 when nothing was paid.',
    }),
    currency,
  }),
  positioned: true,
  problems: [
    'reservation-not-found',
    'reservation-not-yours',
    'hold-expired',
    'refund-too-late',
    'idempotency-key-reused',
    'request-running',
    'overloaded',
    'event-store-unavailable',
    'event-unreadable',
  ],
  async handle(api, { params: { reservationId }, query: { userId }, headers }, exchange) {
    const key = headers['idempotency-key'];
    if (key !== undefined) {
      // A request for an unknown reservation needs no token, because it leaves nothing in the log.
      const found = await api.sales.find(reservationId);
      if (!found.ok && found.refusal.code === 'reservation-not-found')
        return refused(found.refusal);
    }
    const asked = { name: 'cancel', userId, key, fields: { reservationId, userId } };
    return answerOnce(api, asked, exchange, async (context) => {
      const result = await api.sales.cancel({ userId, reservationId, context });
      return answerCommand(api, userId, result);
    });
  },
});
