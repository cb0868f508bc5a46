import { z } from 'zod';
import { timeSchema } from './time.ts';

/**
 * What a log says of itself: of its restore from a backup
 * (docs/adr/0041-a-restored-log-says-so.md), and of the versions that served it
 * (docs/adr/0045-rollback.md).
 */
export const restoredSchemas = {
  // restored-log
  /**
   * The log begins here: it is restored from a backup, and what follows has its times in
   * `recordedAt` of the metadata. It is another log than the one that was backed up: an epoch of
   * its own.
   */
  LogRestored: z.object({
    epoch: z.uuid(),
    /** The backup's name, and how much of it is restored. */
    archive: z.string(),
    events: z.number().int().min(1),
    /** The last of them. */
    lastEventId: z.string(),
    lastCreatedAt: z.string(),
    at: timeSchema,
  }),
  /**
   * The log up to here is an image of the embedded event store, put back. What came after it was
   * lost. It is another log from here on: an epoch of its own. The sale is closed.
   */
  ImageRestored: z.object({
    epoch: z.uuid(),
    /** The image's name, and how many events of all streams it has. */
    image: z.string(),
    events: z.number().int().min(1),
    /** The last of them. */
    lastEventId: z.string(),
    lastCreatedAt: z.string(),
    at: timeSchema,
  }),
  /** Everything is there, compared with the backup event by event. The sale is closed. */
  LogRestoreFinished: z.object({
    epoch: z.uuid(),
    events: z.number().int().min(1),
    at: timeSchema,
  }),
  /**
   * The tables of before were compared with the restored log, and somebody was shown what it lacks.
   */
  LogReconciled: z.object({ epoch: z.uuid(), missing: z.number().int().min(0), at: timeSchema }),
  /** The sale goes on. */
  SaleOpened: z.object({ epoch: z.uuid(), reason: z.string(), at: timeSchema }),

  // releases
  /** Another version of the service than the one before serves this log from here on. */
  ReleaseServed: z.object({
    version: z.string(),
    /** SHA-256 of its contract: what it reads and writes. */
    contract: z.string().regex(/^[0-9a-f]{64}$/),
    node: z.string(),
    at: timeSchema,
  }),
} as const;
