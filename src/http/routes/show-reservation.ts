import { z } from 'zod';
import { json, problem } from '../answer.ts';
import { refuseUntilOwnShown } from '../answer-command.ts';
import { endpoint } from '../endpoint.ts';
import { queryHeaders } from '../headers.ts';
import { reservationIdField, reservationOut, userIdField } from '../schemas.ts';

export const showReservation = endpoint({
  name: 'showReservation',
  method: 'get',
  path: '/concert/reservation/{reservationId}',
  summary: 'One of the user’s own reservations. It includes the user’s last command.',
  params: z.object({ reservationId: reservationIdField }),
  query: z.object({ userId: userIdField }),
  headers: queryHeaders,
  answer: reservationOut,
  problems: [
    'reservation-not-found',
    'reservation-not-yours',
    'read-side-unavailable',
    'read-side-behind',
    'event-store-unavailable',
  ],
  async handle(api, { params: { reservationId }, query: { userId }, headers }) {
    const late = await refuseUntilOwnShown(api, userId, headers['x-min-event-position']);
    if (late !== undefined) return late;
    const reservation = await api.reads.reservation(reservationId);
    if (reservation === undefined) {
      return problem('reservation-not-found', {
        detail: `there is no reservation ${reservationId}`,
      });
    }
    if (reservation.userId !== userId) {
      return problem('reservation-not-yours', {
        detail: 'this reservation belongs to another user',
      });
    }
    return json(reservation);
  },
});
