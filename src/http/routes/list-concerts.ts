import { z } from 'zod';
import { prepared } from '../answer.ts';
import { refuseUntilShown } from '../answer-command.ts';
import { endpoint } from '../endpoint.ts';
import { queryHeaders } from '../headers.ts';
import { idOut } from '../schemas.ts';

export const listConcerts = endpoint({
  name: 'listConcerts',
  method: 'get',
  path: '/concert',
  summary: 'All concerts, sorted by id in natural order (2 before 10).',
  headers: queryHeaders,
  answer: z.array(
    z.object({ concertId: idOut, title: z.string(), venue: z.string().nullable().optional() }),
  ),
  revalidates: true,
  problems: ['read-side-unavailable', 'read-side-behind'],
  async handle(api, { headers }) {
    const late = await refuseUntilShown(api, headers['x-min-event-position']);
    return late ?? prepared(await api.reads.concerts());
  },
});
