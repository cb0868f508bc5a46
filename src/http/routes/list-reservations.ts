import { z } from 'zod';
import { json } from '../answer.ts';
import { refuseUntilOwnShown } from '../answer-command.ts';
import { endpoint } from '../endpoint.ts';
import { queryHeaders } from '../headers.ts';
import { httpLimits } from '../limits.ts';
import { reservationIdField, reservationOut, userIdField } from '../schemas.ts';

const { reservationsPageMax } = httpLimits;

const limit = z
  .string()
  .regex(/^[1-9][0-9]{0,2}$/, `must be a whole number from 1 to ${reservationsPageMax}`)
  .transform(Number)
  .refine((n) => n <= reservationsPageMax, `must be ${reservationsPageMax} at most`)
  .optional()
  .meta({
    description: `The largest number of reservations in the answer; default ${reservationsPageMax}.`,
  });

export const listReservations = endpoint({
  name: 'listReservations',
  method: 'get',
  path: '/concert/reservation',
  summary: 'A user’s own reservations, newest first. The list includes the user’s last command.',
  query: z.object({
    userId: userIdField,
    limit,
    before: reservationIdField.optional().meta({
      description:
        'The last reservation of the previous page. The answer continues with older reservations.',
    }),
  }),
  headers: queryHeaders,
  answer: z.array(reservationOut),
  problems: ['read-side-unavailable', 'read-side-behind', 'event-store-unavailable'],
  async handle(api, { query: { userId, limit = reservationsPageMax, before }, headers }) {
    const late = await refuseUntilOwnShown(api, userId, headers['x-min-event-position']);
    return late ?? json(await api.reads.reservations(userId, limit, before));
  },
});
