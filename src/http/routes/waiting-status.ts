import { z } from 'zod';
import { json } from '../answer.ts';
import { endpoint } from '../endpoint.ts';
import { idOut, time, userIdField } from '../schemas.ts';

export const waitingStatus = endpoint({
  name: 'waitingStatus',
  method: 'get',
  path: '/concert/waiting/status',
  summary: 'Adds a new user to the waiting queue, and returns the user’s place.',
  query: z.object({ userId: userIdField }),
  answer: z.object({
    userId: idOut,
    processing: z.boolean().meta({ description: 'True once admitted.' }),
    token: z.string().meta({ description: 'For the header AuthorizationWaiting.' }),
    ahead: z.int().meta({ description: 'Waiting users in front.' }),
    position: z.int().meta({ description: '1 is next; 0 when admitted.' }),
    estimatedWaitSeconds: z.number(),
    retryAfterMs: z.int().meta({ description: 'When to ask again; 0 when admitted.' }),
    expiresAt: time,
  }),
  problems: ['queue-unavailable', 'queue-full'],
  async handle({ queue }, { query }) {
    const place = await queue.poll(query.userId);
    return json({ ...place, expiresAt: new Date(place.expiresAt).toISOString() });
  },
});
