import { accountProjection } from './account/projection.ts';
import { concertProjection } from './concert/projection.ts';
import type { Projection } from './projection.ts';
import { reservationProjection } from './reservation/projection.ts';
import { seatProjection } from './seat/projection.ts';
import { sessionProjection } from './session/projection.ts';

/** Every projection there is. They move together: one subscription, one transaction a batch. */
export const projections: readonly Projection[] = [
  concertProjection,
  sessionProjection,
  seatProjection,
  reservationProjection,
  accountProjection,
];
