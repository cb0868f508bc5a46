import { z } from 'zod';
import { timeSchema } from './time.ts';

/**
 * Events of a log about itself: about its restore from a backup
 * (docs/adr/0041-a-restored-log-says-so.md), and about the versions that served it
 * (docs/adr/0045-rollback.md).
 */
export const restoredSchemas = {
  // restored-log
  /**
   * The log begins here. It is restored from a backup. The following events have their original
   * times in `recordedAt` of the metadata. It has its own epoch, because it is another log than the
   * log that was backed up.
   */
  LogRestored: z.object({
    epoch: z.uuid(),
    /** The backup's name, and the number of its restored events. */
    archive: z.string(),
    events: z.number().int().min(1),
    /** The last of them. */
    lastEventId: z.string(),
    lastCreatedAt: z.string(),
    at: timeSchema,
  }),
  /**
   * The log up to here is a restored image of the embedded event store. Events after the image were
   * lost. From here on, it is another log with its own epoch. The sale is closed.
   */
  ImageRestored: z.object({
    epoch: z.uuid(),
    /** The image's name, and the number of its events in all streams. */
    image: z.string(),
    events: z.number().int().min(1),
    /** The last of them. */
    lastEventId: z.string(),
    lastCreatedAt: z.string(),
    at: timeSchema,
  }),
  /** The log has all events of the backup, and each was compared. The sale is closed. */
  LogRestoreFinished: z.object({
    epoch: z.uuid(),
    events: z.number().int().min(1),
    at: timeSchema,
  }),
  /** The old tables were compared with the restored log, and an operator saw the missing facts. */
  LogReconciled: z.object({ epoch: z.uuid(), missing: z.number().int().min(0), at: timeSchema }),
  /** The sale goes on. */
  SaleOpened: z.object({ epoch: z.uuid(), reason: z.string(), at: timeSchema }),

  // releases
  /** From here on, another version of the service serves this log. */
  ReleaseServed: z.object({
    version: z.string(),
    /** SHA-256 of its contract, which lists everything that it reads and writes. */
    contract: z.string().regex(/^[0-9a-f]{64}$/),
    node: z.string(),
    at: timeSchema,
  }),
} as const;
