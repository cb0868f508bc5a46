import { z } from 'zod';
import { timeSchema } from './time.ts';

/** A room of the waiting queue, by its name in the catalog (docs/adr/0035-rooms.md). */
export const roomSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** Moves of places, by what may happen to one. */
function moved<const Whats extends readonly [string, ...string[]]>(whats: Whats) {
  const move = z.tuple([
    /**
     * `unclaimed`: admitted, and did not come, so the user waits again. `left`: did not poll in
     * time. `ended`: the place was over. `cleared`: all who waited; the user is empty. `away`: did
     * not poll as told from then on, while others passed by, until `back` or `left`, with which it
     * is told.
     */
    z.enum(whats),
    z.string().regex(/^[!-~]{0,200}$/),
    /** The user's number: the microsecond of the enrolment, or one more than the last. */
    z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
    /** When, in milliseconds since the epoch. */
    z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  ]);
  return z.object({ moves: z.array(move).min(1) });
}

/** The first version did not say who was away. */
export const queueMoved1 = moved(['enrolled', 'admitted', 'unclaimed', 'left', 'ended', 'cleared']);

/**
 * Who enrols later than this before `opensAt` takes no part in the lot, in milliseconds: until then
 * it is drawn, and everybody asks once more, also a page in a hidden tab, which asks once a minute.
 */
export const lotClosesMs = 60_000;

/** The events of the waiting queue (docs/adr/0033-waiting-room.md). */
export const queueSchemas = {
  // queue-steering
  /** How a room of the waiting queue is steered from now on: all that is so after the step. */
  QueueSteered: z.object({
    /** Without one: the line of the shop. */
    room: roomSchema.optional(),
    /** Places, in place of the setting; null: the setting counts. */
    admittedMax: z.number().int().min(1).max(1_000_000).nullable(),
    /** Admissions per minute; null: no limit. */
    perMinute: z.number().int().min(1).max(1_000_000).nullable(),
    /** Nobody is admitted. */
    paused: z.boolean(),
    /** Nobody new enrols. */
    draining: z.boolean(),
    /**
     * Who enrols from `from` until a minute before `opensAt` has a place by lot, and nobody is
     * admitted in between; null: nobody has (docs/adr/0036-places-by-lot.md).
     */
    lot: z.object({ from: timeSchema, opensAt: timeSchema }).nullable(),
    /** The step emptied the line. */
    cleared: z.boolean(),
    by: z.string().min(1).max(200),
    reason: z.string().min(1).max(1_000),
    at: timeSchema,
  }),

  /**
   * The lot of a room was drawn: with the seed anybody can repeat the draw. Once for each `opensAt`
   * of a room.
   */
  QueueDrawn: z.object({
    room: roomSchema.optional(),
    from: timeSchema,
    opensAt: timeSchema,
    /** 32 random bytes, drawn after the last one who takes part had enrolled. */
    seed: z.string().regex(/^[0-9a-f]{64}$/),
    at: timeSchema,
  }),

  // queue-line-<hour> of the shop's line, queue-line-<hour>-<room> of a room
  /** What happened to users' places within a moment, in order (`queue/queue-log.ts`). */
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
