import { z } from 'zod';

/** Streams with unfinished work that a mark may name: with more, the next proof is a whole one. */
export const unfinishedMax = 50_000;

const bigint = z.string().regex(/^\d{1,20}$/);

/**
 * Up to where a log is proven: what the next proof needs of it. It is as small as the work that was
 * unfinished then. A log that was exchanged, or was put back, has another event at this position.
 */
export const proofMark = z.object({
  /** Of the newest event that was proven. */
  position: bigint,
  eventId: z.string(),
  /** Of a restored log; null: it never was restored. */
  epoch: z.string().nullable(),
  /** When the whole log was proven last, and when it was proven up to here. */
  wholeAt: z.iso.datetime(),
  at: z.iso.datetime(),
  /** Streams of held seats, open payments and orders under way: time alone can make them wrong. */
  unfinished: z.array(z.string()).max(unfinishedMax),
});
export type ProofMark = z.infer<typeof proofMark>;
