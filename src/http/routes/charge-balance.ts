import { z } from 'zod';
import { answerCommand } from '../answer-command.ts';
import { endpoint } from '../endpoint.ts';
import { requiredKeyHeader } from '../headers.ts';
import { answerOnce, chargeId } from '../idempotency.ts';
import { chargeAmountMax, currency, idOut, money, userIdField } from '../schemas.ts';

const amount = z
  .int('must be a whole number')
  .min(1, 'must be above 0')
  .max(chargeAmountMax, `must be ${chargeAmountMax} at most`)
  .meta({ description: 'The money to add, in minor units.' });

export const chargeBalance = endpoint({
  name: 'chargeBalance',
  method: 'post',
  path: '/concert/balance',
  summary: 'Adds money to a balance, once per user and Idempotency-Key.',
  headers: z.object(requiredKeyHeader),
  body: z.object({ userId: userIdField, amount }),
  answer: z.object({ userId: idOut, chargeId: idOut, balance: money, currency }),
  positioned: true,
  problems: [
    'balance-too-large',
    'idempotency-key-reused',
    'request-running',
    'overloaded',
    'event-store-unavailable',
    'event-unreadable',
  ],
  handle(api, { headers, body }, exchange) {
    const key = headers['idempotency-key'];
    const { userId } = body;
    const asked = { name: 'charge', userId, key, fields: body };
    return answerOnce(api, asked, exchange, async (context) => {
      const charge = { ...body, chargeId: chargeId(userId, key), context };
      return answerCommand(api, userId, await api.sales.charge(charge));
    });
  },
});
