import { type Kysely, sql } from 'kysely';

/**
 * The seats that are held for orders are looked through every second: an order that had ended may
 * keep some.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE INDEX reservation_held_for_order ON reservation (reserved_at)
    WHERE status = 'held' AND order_id IS NOT NULL`.execute(db);
}
