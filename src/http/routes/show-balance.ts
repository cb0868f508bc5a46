import { z } from 'zod';
import { json } from '../answer.ts';
import { refuseUntilOwnShown } from '../answer-command.ts';
import { endpoint } from '../endpoint.ts';
import { queryHeaders } from '../headers.ts';
import { currency, idOut, money, userIdField } from '../schemas.ts';

export const showBalance = endpoint({
  name: 'showBalance',
  method: 'get',
  path: '/concert/balance',
  summary: 'A user’s balance. It includes the user’s last command.',
  query: z.object({ userId: userIdField }),
  headers: queryHeaders,
  answer: z.object({
    userId: idOut,
    balance: money.meta({ description: 'The money that the user can spend, in minor units.' }),
    held: money.meta({ description: 'The money that unfinished payments hold.' }),
    currency,
  }),
  problems: ['read-side-unavailable', 'read-side-behind', 'event-store-unavailable'],
  async handle(api, { query: { userId }, headers }) {
    const late = await refuseUntilOwnShown(api, userId, headers['x-min-event-position']);
    return late ?? json(await api.reads.balance(userId));
  },
});
