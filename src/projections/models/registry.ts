import { accountProjection } from './account/projection.ts';
import { concertProjection } from './concert/projection.ts';
import type { Projection } from './projection.ts';
import { reservationProjection } from './reservation/projection.ts';
import { seatProjection } from './seat/projection.ts';
import { sessionProjection } from './session/projection.ts';

/** All projections. They advance together: one subscription, one transaction per batch. */
export const projections: readonly Projection[] = [
  concertProjection,
  sessionProjection,
  seatProjection,
  reservationProjection,
  accountProjection,
];
