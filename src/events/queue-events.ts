import { z } from 'zod';
import { timeSchema } from './time.ts';

/** The events of the waiting queue (docs/adr/0033-waiting-room.md). */
export const queueSchemas = {
  // queue-steering
  /** How the waiting queue is steered from now on: all that is so after the step. */
  QueueSteered: z.object({
    /** Places, in place of the setting; null: the setting counts. */
    admittedMax: z.number().int().min(1).max(1_000_000).nullable(),
    /** Admissions per minute; null: no limit. */
    perMinute: z.number().int().min(1).max(1_000_000).nullable(),
    /** Nobody is admitted. */
    paused: z.boolean(),
    /** Nobody new enrols. */
    draining: z.boolean(),
    /** The step emptied the line. */
    cleared: z.boolean(),
    by: z.string().min(1).max(200),
    reason: z.string().min(1).max(1_000),
    at: timeSchema,
  }),

  // queue-line-<hour>
  /** What happened to users' places within a moment, in order (`queue/queue-log.ts`). */
  QueueMoved: z.object({
    moves: z
      .array(
        z.tuple([
          /**
           * `unclaimed`: admitted, and did not come, so the user waits again. `left`: did not poll
           * in time. `ended`: the place was over. `cleared`: all who waited; the user is empty.
           */
          z.enum(['enrolled', 'admitted', 'unclaimed', 'left', 'ended', 'cleared']),
          z.string().regex(/^[!-~]{0,200}$/),
          /** The user's number: the microsecond of the enrolment, or one more than the last. */
          z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
          /** When, in milliseconds since the epoch. */
          z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
        ]),
      )
      .min(1),
  }),
} as const;
