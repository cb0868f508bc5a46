import { z } from 'zod';
import { roomSchema } from './queue-events.ts';

/** The details of a concert in `ConcertRegistered` and `ConcertRevised`. */
export const concertDetails = z.object({
  title: z.string(),
  venue: z.string().optional(),
  /** The room of the waiting queue where its buyers wait; without one, the line of the shop. */
  waitingRoom: roomSchema.optional(),
});
