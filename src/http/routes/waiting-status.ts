import { z } from 'zod';
import { noConcert } from '../../commands/core/result.ts';
import { type JsonAnswer, json, refused } from '../answer.ts';
import { endpoint } from '../endpoint.ts';
import { concertIdField, idOut, time, userIdField } from '../schemas.ts';

export const waitingStatus = endpoint({
  name: 'waitingStatus',
  method: 'get',
  path: '/concert/waiting/status',
  summary: 'Adds a new user to the waiting queue, and returns the user’s place.',
  query: z.object({
    userId: userIdField,
    concertId: concertIdField.optional().meta({
      description:
        'Selects the line of this concert: its own room, if it has one. Without it, the line of the shop.',
    }),
  }),
  answer: z.object({
    userId: idOut,
    room: z.string().optional().meta({
      description:
        'The room, which the token opens and no other. Absent in the line of the shop, for all concerts without a room.',
    }),
    processing: z.boolean().meta({ description: 'True once admitted.' }),
    token: z.string().meta({ description: 'For the header AuthorizationWaiting.' }),
    ahead: z.int().nullable().meta({
      description:
        'Waiting users in front who are there; null until places by lot are drawn and known.',
    }),
    position: z.int().nullable().meta({
      description: '1 is next; 0 when admitted; null until places by lot are drawn and known.',
    }),
    opensAt: time.optional().meta({
      description: 'When the sale opens, while nobody is admitted before: then ask as usual.',
    }),
    estimatedWaitSeconds: z.number().nullable().meta({
      description: 'By the admissions of the last two minutes; null while nothing can be said.',
    }),
    estimateReason: z
      .enum(['nobody-admitted', 'paused', 'not-open'])
      .optional()
      .meta({ description: 'Why nothing can be said.' }),
    retryAfterMs: z
      .int()
      .meta({ description: 'When to ask again, as Retry-After; 0 when admitted.' }),
    expiresAt: time.meta({
      description:
        'Until when the place is kept: a waiting one unless it is asked for again, one just admitted unless it is claimed by a further call.',
    }),
    soldOut: z.literal(true).optional().meta({
      description:
        'Every session of the room is sold out, cancelled or over, as known within the last seconds. Seats that are held unpaid, or refunded later, come back.',
    }),
  }),
  mayRetry: true,
  takesNoHead: true,
  problems: ['concert-not-found', 'queue-unavailable', 'queue-full', 'queue-draining'],
  async handle({ rooms, isSoldOut }, { query: { userId, concertId } }) {
    const room = concertId === undefined ? '' : rooms.ofConcert(concertId);
    if (room === undefined) return refused(noConcert(concertId ?? '').refusal);
    const { opensAt, ...entry } = await rooms.queueOf(room).poll(userId);
    const answer: JsonAnswer = json({
      ...entry,
      ...(room !== '' && { room }),
      ...(opensAt !== undefined && { opensAt: new Date(opensAt).toISOString() }),
      expiresAt: new Date(entry.expiresAt).toISOString(),
      ...(isSoldOut?.(room) && { soldOut: true }),
    });
    if (entry.processing) return answer;
    const headers = { 'Retry-After': String(Math.ceil(entry.retryAfterMs / 1_000)) };
    return { ...answer, headers };
  },
});
