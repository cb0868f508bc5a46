import { z } from 'zod';
import { noSession } from '../../commands/core/result.ts';
import { prepared, refused } from '../answer.ts';
import { refuseUntilShown } from '../answer-command.ts';
import { answerSeatsAsOf } from '../answer-seats-as-of.ts';
import { endpoint } from '../endpoint.ts';
import { queryHeaders } from '../headers.ts';
import { concertIdField, currency, idOut, money, sessionIdField } from '../schemas.ts';

export const listSeats = endpoint({
  name: 'listSeats',
  method: 'get',
  path: '/concert/{concertId}/seat',
  summary: 'The seats of a session, with prices and availability: now, or at a moment in the past.',
  params: z.object({ concertId: concertIdField }),
  query: z.object({
    sessionId: sessionIdField,
    section: z
      .string()
      .regex(/^[A-Za-z0-9_]{1,24}$/, 'must be a section’s name')
      .optional()
      .meta({ description: 'Selects the seats of this section.' }),
    available: z
      .literal('true', 'must be true; omit it to include taken seats')
      .optional()
      .meta({ description: 'Selects free seats. Omit it to include taken seats.' }),
    asOf: z.iso
      .datetime({
        offset: true,
        message: 'must be a time like 2027-05-01T19:00:00Z (write + as %2B in a URL)',
      })
      .optional()
      .meta({
        description:
          'Selects the list at this past moment, by the times of the log’s events. RFC 3339.',
      }),
  }),
  headers: queryHeaders,
  answer: z.object({
    concertId: idOut,
    sessionId: idOut,
    seatList: z.array(
      z.object({
        seatId: idOut,
        section: z.string(),
        row: z.string(),
        number: z.int(),
        price: money,
        currency,
        isAvailable: z.boolean(),
      }),
    ),
  }),
  revalidates: true,
  problems: [
    'session-not-found',
    'read-side-unavailable',
    'read-side-behind',
    'event-store-unavailable',
    'too-many-queries',
  ],
  async handle(api, { params: { concertId }, query, headers }, exchange) {
    const { sessionId, section, asOf } = query;
    const filter = { section, availableOnly: query.available === 'true' };
    const minPosition = headers['x-min-event-position'];
    if (asOf !== undefined) {
      const moment = { asOf: new Date(asOf), filter, minPosition };
      return answerSeatsAsOf(api, { concertId, sessionId, ...moment }, exchange);
    }
    const late = await refuseUntilShown(api, minPosition);
    if (late !== undefined) return late;
    const seats = await api.reads.seats(concertId, sessionId, filter);
    if (seats !== undefined) return prepared(seats);
    return refused(noSession(sessionId, concertId).refusal);
  },
});
