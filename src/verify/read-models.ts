import type { PoolClient } from 'pg';
import { connectPostgres, type Postgres } from '../infrastructure/postgres.ts';
import type { ExpectedTable } from './expected-table.ts';

/** Rows fetched at a time: what is in memory of a table. */
const fetchRows = 2_000;

/** A table without the index on its key has to be sorted first, in milliseconds. */
const statementTimeoutMs = 120_000;

/** Whose checkpoints the tables belong to. */
const projections = ['account', 'concert', 'reservation', 'seat', 'session'];

/** How far the read models are. */
export interface Checkpoint {
  readonly name: string;
  /** The log was looked at up to here, for every event up to this number; null at its start. */
  readonly position: bigint | null;
  /** The last event in the tables; null before the first. */
  readonly eventPosition: bigint | null;
  /** Which event that is; null before the first, and where an older version has left it out. */
  readonly eventId: string | null;
}

/** A cell as the driver reads it. */
export type StoredCell = string | number | bigint | Date | null;

/** The read models of one PostgreSQL, read and never written. */
export class ReadModels {
  readonly #postgres: Postgres;
  #snapshot: PoolClient | undefined;

  /** @param url `postgres://` */
  constructor(url: string) {
    this.#postgres = connectPostgres(url, { connectionsMax: 1, statementTimeoutMs });
  }

  /** The checkpoints now, one a projection. @throws Error when there are no such tables */
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
   * From here on everything read is of this one moment. A snapshot alone would not do: names are
   * looked up as of now, so a table that a rebuild puts in the place of another meanwhile would be
   * read, and seem to lack rows. The locks let nobody do that, and come before the snapshot, which
   * the next statement takes. They hold up nothing else.
   */
  async freeze(tables: readonly string[]): Promise<void> {
    this.#snapshot = await this.#postgres.pool.connect();
    await this.#snapshot.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await this.#snapshot.query(`LOCK TABLE ${tables.join(', ')} IN ACCESS SHARE MODE`);
  }

  /** A table's rows in the order of its key, some at a time; cells in the order of its columns. */
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
