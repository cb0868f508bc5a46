import type { Kysely } from 'kysely';
import type { Database } from '../../../src/projections/models/database.ts';
import { createReadSide } from '../../../src/queries/mirrored-read-side.ts';
import type { ReadSide } from '../../../src/queries/read-side.ts';

/** A projector that does nothing. */
export const idle = {
  reached: async () => true,
  status: () =>
    ({
      state: 'live',
      position: null,
      eventPosition: null,
      lagSeconds: 0,
      parkedEvents: 0,
      lagEvents: 0,
      stalledSeconds: 0,
    }) as const,
};

/** Straight from PostgreSQL: a read side that keeps nothing. */
export const readSideOf = (db: Kysely<Database>): ReadSide =>
  createReadSide({
    db,
    scheduledMs: () => 0,
    projector: { ...idle, listen() {}, listenersAreFresh: () => false },
  });
