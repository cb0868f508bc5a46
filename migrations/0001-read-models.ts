import { type Kysely, sql } from 'kysely';

/**
 * The read models as they were first: one table a folder of `src/projections`, and the projections'
 * checkpoints. All of it is derived from the log. A migration is never edited once released; a
 * changed shape is a new one.
 *
 * Money is bigint minor units. A `version` column is the log position of the last event that
 * changed what the row shows.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `CREATE TABLE concert (
    concert_id text PRIMARY KEY,
    title text NOT NULL,
    venue text,
    version bigint NOT NULL
  )`,
  `CREATE TABLE session (
    session_id text PRIMARY KEY,
    concert_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    sales_open_at timestamptz NOT NULL,
    currency text NOT NULL,
    seats_total integer NOT NULL,
    seats_available integer NOT NULL,
    cancelled_at timestamptz,
    version bigint NOT NULL
  )`,
  'CREATE INDEX session_of_concert ON session (concert_id, starts_at)',
  // `ordinal` is the seat's place in seat-map order. Held and sold seats name their reservation.
  `CREATE TABLE seat (
    session_id text NOT NULL,
    seat_id text NOT NULL,
    ordinal integer NOT NULL,
    section text NOT NULL,
    row_name text NOT NULL,
    seat_number integer NOT NULL,
    price bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    reservation_id text,
    user_id text,
    PRIMARY KEY (session_id, seat_id)
  ) WITH (fillfactor = 80)`,
  `CREATE TABLE reservation (
    reservation_id text PRIMARY KEY,
    session_id text NOT NULL,
    seat_ids text NOT NULL,
    user_id text NOT NULL,
    status text NOT NULL,
    price bigint NOT NULL,
    currency text NOT NULL,
    reserved_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    payment_id text,
    release_reason text,
    resolved_at timestamptz,
    order_id text,
    unsettled_since timestamptz
  ) WITH (fillfactor = 80)`,
  `CREATE INDEX reservation_unsettled ON reservation (unsettled_since) WHERE unsettled_since IS NOT NULL`,
  'CREATE INDEX reservation_of_session ON reservation (session_id)',
  `CREATE INDEX reservation_due ON reservation (expires_at) WHERE status = 'held'`,
  'CREATE INDEX reservation_of_user ON reservation (user_id, reserved_at)',
  `CREATE TABLE account (
    user_id text PRIMARY KEY,
    balance bigint NOT NULL,
    held bigint NOT NULL,
    currency text NOT NULL
  ) WITH (fillfactor = 80)`,
  `CREATE TABLE payment (
    payment_id text PRIMARY KEY,
    user_id text NOT NULL,
    reservation_id text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    held_at timestamptz NOT NULL,
    hold_expires_at timestamptz NOT NULL,
    release_reason text,
    resolved_at timestamptz,
    refund_due_at timestamptz
  ) WITH (fillfactor = 80)`,
  `CREATE INDEX payment_refund_due ON payment (refund_due_at) WHERE refund_due_at IS NOT NULL`,
  `CREATE INDEX payment_open ON payment (held_at) WHERE status = 'held'`,
  'CREATE INDEX payment_of_user ON payment (user_id, held_at)',
  // A null position is the start of the log. The position is the fence of every batch; it moves
  // past events that nobody reads, event_position does not.
  `CREATE TABLE projection_checkpoint (
    name text PRIMARY KEY,
    version integer NOT NULL,
    position bigint,
    event_position bigint,
    updated_at timestamptz NOT NULL DEFAULT now()
  ) WITH (fillfactor = 50)`,
];
