import type { PoolClient } from 'pg';
import { connectPostgres, type Postgres } from '../infrastructure/postgres.ts';
import type { ExpectedTable } from './expected-table.ts';

/** Rows that are fetched at a time. So many rows of a table are in memory. */
const fetchRows = 2_000;

/**
 * Time limit of a statement, in milliseconds. A table without the index on its key must be sorted
 * first.
 */
const statementTimeoutMs = 120_000;

/** The projections whose checkpoints belong to the tables. */
const projections = ['account', 'concert', 'reservation', 'seat', 'session'];

/** The position of the read models. */
export interface Checkpoint {
  readonly name: string;
  /** The log was read up to here, with every event up to this number; null at its start. */
  readonly position: bigint | null;
  /** The last event in the tables; null before the first. */
  readonly eventPosition: bigint | null;
  /** The id of that event; null before the first event, or if an older version did not store it. */
  readonly eventId: string | null;
}

/** A cell in the driver's form. */
export type StoredCell = string | number | bigint | Date | null;

/** The read models of one PostgreSQL, read and never written. */
export class ReadModels {
  readonly #postgres: Postgres;
  #snapshot: PoolClient | undefined;

  /** @param url `postgres://` */
  constructor(url: string) {
    this.#postgres = connectPostgres(url, { connectionsMax: 1, statementTimeoutMs });
  }

  /**
   * The current checkpoints, one per projection.
   * @throws Error if there are no such tables
   */
  async checkpoints(): Promise<Checkpoint[]> {
    const { rows } = await (this.#snapshot ?? this.#postgres.pool).query<Checkpoint>(
      `SELECT name, CASE WHEN prepare < position THEN position - 1 ELSE position END AS position,
         event_position AS "eventPosition", event_id AS "eventId"
       FROM projection_checkpoint WHERE name = ANY($1) ORDER BY name`,
      [projections],
    );
    return rows;
  }

  /**
   * From here on, all reads see one moment. A snapshot alone is not enough, because PostgreSQL
   * finds tables by their current names. If a rebuild swapped a table meanwhile, the new table
   * would be read and would seem to lack rows. The locks prevent such a swap. They come before the
   * snapshot, which the next statement takes. They block nothing else.
   */
  async freeze(tables: readonly string[]): Promise<void> {
    this.#snapshot = await this.#postgres.pool.connect();
    await this.#snapshot.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await this.#snapshot.query(`LOCK TABLE ${tables.join(', ')} IN ACCESS SHARE MODE`);
  }

  /** A table's rows in the order of its key, in parts. Cells are in the order of its columns. */
  async *rows({ name, columns, key }: ExpectedTable): AsyncGenerator<StoredCell[][]> {
    const client = this.#snapshot;
    if (client === undefined) throw new TypeError('freeze() first');
    const order = key.join(', ');
    await client.query(
      `DECLARE verify CURSOR FOR SELECT ${columns.join(', ')} FROM ${name} ORDER BY ${order}`,
    );
    const text = `FETCH ${fetchRows} FROM verify`;
    for (;;) {
      const { rows } = await client.query<StoredCell[]>({ text, rowMode: 'array' });
      if (rows.length === 0) break;
      yield rows;
    }
    await client.query('CLOSE verify');
  }

  async close(): Promise<void> {
    this.#snapshot?.release(true);
    await this.#postgres.close();
  }
}
