import type { Endpoint } from './endpoint.ts';
import { cancelReservation } from './routes/cancel-reservation.ts';
import { chargeBalance } from './routes/charge-balance.ts';
import { livez, readyz } from './routes/health.ts';
import { listConcerts } from './routes/list-concerts.ts';
import { listReservations } from './routes/list-reservations.ts';
import { listSeats } from './routes/list-seats.ts';
import { listSessions } from './routes/list-sessions.ts';
import { openapiDocument } from './routes/openapi-document.ts';
import { payReservation } from './routes/pay-reservation.ts';
import { reserveSeat } from './routes/reserve-seat.ts';
import { showBalance } from './routes/show-balance.ts';
import { showReservation } from './routes/show-reservation.ts';
import { streamSeats } from './routes/stream-seats.ts';
import { waitingStatus } from './routes/waiting-status.ts';

/**
 * Every call of the API, in the order in which Express tries them. The busiest calls come first.
 */
export const endpoints: readonly Endpoint[] = [
  waitingStatus,
  listSeats,
  listSessions,
  reserveSeat,
  payReservation,
  showBalance,
  chargeBalance,
  listReservations,
  showReservation,
  cancelReservation,
  streamSeats,
  listConcerts,
  livez,
  readyz,
  openapiDocument,
];
