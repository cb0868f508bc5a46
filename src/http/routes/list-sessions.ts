import { z } from 'zod';
import { noConcert } from '../../commands/core/result.ts';
import { prepared, refused } from '../answer.ts';
import { refuseUntilShown } from '../answer-command.ts';
import { endpoint } from '../endpoint.ts';
import { queryHeaders } from '../headers.ts';
import { concertIdField, idOut, time } from '../schemas.ts';

export const listSessions = endpoint({
  name: 'listSessions',
  method: 'get',
  path: '/concert/{concertId}/session',
  summary: 'A concert’s sessions, sorted by start time.',
  params: z.object({ concertId: concertIdField }),
  headers: queryHeaders,
  answer: z.array(
    z.object({
      sessionId: idOut,
      concertId: idOut,
      startsAt: time,
      salesOpenAt: time,
      seatsTotal: z.int(),
      seatsAvailable: z.int(),
      isCancelled: z.literal(true).optional(),
    }),
  ),
  revalidates: true,
  problems: ['concert-not-found', 'read-side-unavailable', 'read-side-behind'],
  async handle(api, { params, headers }) {
    const late = await refuseUntilShown(api, headers['x-min-event-position']);
    if (late !== undefined) return late;
    const sessions = await api.reads.sessions(params.concertId);
    if (sessions !== undefined) return prepared(sessions);
    return refused(noConcert(params.concertId).refusal);
  },
});
