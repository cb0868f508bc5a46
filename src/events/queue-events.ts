import { z } from 'zod';
import { timeSchema } from './time.ts';

/** A room of the waiting queue, by its name in the catalog (docs/adr/0035-rooms.md). */
export const roomSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** The schema of moves of places, for the given kinds of moves. */
function moved<const Whats extends readonly [string, ...string[]]>(whats: Whats) {
  const move = z.tuple([
    /**
     * `unclaimed`: the user was admitted but did not come, and waits again. `left`: the user did
     * not poll in time. `ended`: the place is over. `cleared`: concerns all waiting users; the user
     * is empty. `away`: from then on, the user did not poll in time, and others passed, until
     * `back` or `left`. It is reported together with one of these.
     */
    z.enum(whats),
    z.string().regex(/^[!-~]{0,200}$/),
    /** The user's number: the microsecond of the enrolment, or one more than the last. */
    z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
    /** The time, in milliseconds since the epoch. */
    z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  ]);
  return z.object({ moves: z.array(move).min(1) });
}

/** The first version had no moves of absent users. */
export const queueMoved1 = moved(['enrolled', 'admitted', 'unclaimed', 'left', 'ended', 'cleared']);

/**
 * A user who enrols later than this before `opensAt` takes no part in the lot. In milliseconds. In
 * this time the lot is drawn, and every user polls once more. A page in a hidden tab does, too,
 * because it polls once a minute.
 */
export const lotClosesMs = 60_000;

/** The events of the waiting queue (docs/adr/0033-waiting-room.md). */
export const queueSchemas = {
  // queue-steering
  /**
   * The steering of a room of the waiting queue from now on. The event has the complete state after
   * the step.
   */
  QueueSteered: z.object({
    /** Absent for the line of the shop. */
    room: roomSchema.optional(),
    /** The number of places, instead of the setting. Null: the setting counts. */
    admittedMax: z.number().int().min(1).max(1_000_000).nullable(),
    /** Admissions per minute; null: no limit. */
    perMinute: z.number().int().min(1).max(1_000_000).nullable(),
    /** Nobody is admitted. */
    paused: z.boolean(),
    /** Nobody new enrols. */
    draining: z.boolean(),
    /**
     * Users who enrol from `from` until a minute before `opensAt` have a place by lot. Nobody is
     * admitted between `from` and `opensAt`. Null: there is no lot
     * (docs/adr/0036-places-by-lot.md).
     */
    lot: z.object({ from: timeSchema, opensAt: timeSchema }).nullable(),
    /** The step emptied the line. */
    cleared: z.boolean(),
    by: z.string().min(1).max(200),
    reason: z.string().min(1).max(1_000),
    at: timeSchema,
  }),

  /**
   * The lot of a room was drawn. With the seed, anybody can repeat the draw. There is one draw for
   * each `opensAt` of a room.
   */
  QueueDrawn: z.object({
    room: roomSchema.optional(),
    from: timeSchema,
    opensAt: timeSchema,
    /** 32 random bytes, drawn after the last user who takes part had enrolled. */
    seed: z.string().regex(/^[0-9a-f]{64}$/),
    at: timeSchema,
  }),

  // queue-line-<hour> of the shop's line, queue-line-<hour>-<room> of a room
  /** The moves of users' places within a short time, in order (`queue/queue-log.ts`). */
  QueueMoved: moved([
    'enrolled',
    'admitted',
    'unclaimed',
    'away',
    'back',
    'left',
    'ended',
    'cleared',
  ]),
} as const;
