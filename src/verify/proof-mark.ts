import { z } from 'zod';

/**
 * The largest number of streams with unfinished work in a mark. If there are more, the next proof
 * reads the whole log.
 */
export const unfinishedMax = 50_000;

const bigint = z.string().regex(/^\d{1,20}$/);

/**
 * The position up to which a log is proven, and the facts that the next proof needs. Its size
 * depends only on the unfinished work. If somebody has replaced the log or restored an older copy,
 * the log has another event at this position.
 */
export const proofMark = z.object({
  /** The position of the newest event that was proven. */
  position: bigint,
  eventId: z.string(),
  /** The epoch of the log; null if the log was never restored. */
  epoch: z.string().nullable(),
  /** The time of the last proof of the whole log. `at` is the time of this proof. */
  wholeAt: z.iso.datetime(),
  at: z.iso.datetime(),
  /**
   * The streams of held seats, open payments and unfinished orders. They can become wrong without a
   * new event, when a time is over.
   */
  unfinished: z.array(z.string()).max(unfinishedMax),
});
export type ProofMark = z.infer<typeof proofMark>;
