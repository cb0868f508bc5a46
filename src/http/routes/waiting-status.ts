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
        'Selects the line of this concert. This is the concert’s own room, if it has one. Without this field, the answer is about the line of the shop.',
    }),
  }),
  answer: z.object({
    userId: idOut,
    room: z.string().optional().meta({
      description:
        'The room. The token is valid only for this room. Absent in the line of the shop, which is for all concerts without a room.',
    }),
    processing: z.boolean().meta({ description: 'True when the user is admitted.' }),
    token: z.string().meta({ description: 'For the header AuthorizationWaiting.' }),
    ahead: z.int().nullable().meta({
      description:
        'The number of present users in front. Null until the lot is drawn and its places are known.',
    }),
    position: z.int().nullable().meta({
      description:
        '1 is next, 0 is admitted. Null until the lot is drawn and its places are known.',
    }),
    opensAt: time.optional().meta({
      description:
        'The time at which the queue opens, in a room with a lot. Present while the queue admits nobody before this time. Continue to poll as usual.',
    }),
    estimatedWaitSeconds: z.number().nullable().meta({
      description:
        'Estimated from the admissions of the last two minutes. Null if there is no estimate.',
    }),
    estimateReason: z
      .enum(['nobody-admitted', 'paused', 'not-open'])
      .optional()
      .meta({ description: 'Why there is no estimate.' }),
    retryAfterMs: z
      .int()
      .meta({ description: 'The time until the next poll, as in Retry-After. 0 when admitted.' }),
    expiresAt: time.meta({
      description:
        'The end of the place. Each poll extends a waiting place. A new admission ends at this time unless a further call claims it.',
    }),
    soldOut: z.literal(true).optional().meta({
      description:
        'Every session of the room is sold out, cancelled or over. The value is some seconds old. Held seats that are not paid do not count as sold. After a refund, the field is absent again.',
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
