import { z } from 'zod';
import { answerCommand } from '../answer-command.ts';
import { besideAnswer } from '../authorize.ts';
import { endpoint } from '../endpoint.ts';
import { optionalKeyHeader, tokenHeader } from '../headers.ts';
import { answerOnceAdmitted } from '../idempotency.ts';
import {
  concertIdField,
  currency,
  idOut,
  money,
  namesSeats,
  seatFields,
  sessionIdField,
  time,
  userIdField,
} from '../schemas.ts';

export const reserveSeat = endpoint({
  name: 'reserveSeat',
  method: 'post',
  path: '/concert/reservation',
  summary:
    'Holds one seat, or several seats of one session, all or none. A user who reserves seats that the user already holds receives the existing hold.',
  headers: z.object({ ...tokenHeader, ...optionalKeyHeader }),
  body: z
    .object({
      concertId: concertIdField,
      sessionId: sessionIdField,
      ...seatFields,
      userId: userIdField,
    })
    .refine(namesSeats, { path: ['seatId'], message: 'or seatIds is required, not both' }),
  answer: z.object({
    reservationId: idOut,
    status: z.literal('held'),
    seatIds: z.array(idOut),
    price: money,
    currency,
    expiresAt: time,
  }),
  positioned: true,
  problems: [
    'token-missing',
    'token-unknown',
    'token-not-yours',
    'not-admitted',
    'token-other-room',
    'concert-not-found',
    'session-not-found',
    'seat-not-found',
    'sales-not-open',
    'session-cancelled',
    'too-many-seats',
    'too-many-held',
    'too-many-bought',
    'hold-again-later',
    'seat-taken',
    'idempotency-key-reused',
    'request-running',
    'overloaded',
    'event-store-unavailable',
    'event-unreadable',
    'queue-unavailable',
    'read-side-unavailable',
  ],
  handle(api, { headers, body }, exchange) {
    const { concertId, sessionId, userId } = body;
    const key = headers['idempotency-key'];
    const token = headers.authorizationwaiting;
    const room = api.rooms.ofConcert(concertId);
    const asked = { name: 'reserve', userId, key, fields: body, token, room: async () => room };
    return answerOnceAdmitted(api, asked, exchange, async (context) => {
      const seatIds = [...new Set(body.seatIds ?? [body.seatId as string])];
      const command = { concertId, sessionId, seatIds, userId, context };
      const result = await api.sales.reserve(command);
      if (result.ok) {
        const heldMs = Date.parse(result.value.expiresAt) - (api.now ?? Date.now)();
        besideAnswer(api, exchange, () => api.rooms.queueOf(room ?? '').renew(userId, heldMs));
      }
      return answerCommand(api, userId, result);
    });
  },
});
