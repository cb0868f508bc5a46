import { type Kysely, sql } from 'kysely';
import { type AccountRow, accountTable } from '../projections/models/account/projection.ts';
import type { Database } from '../projections/models/database.ts';
import { patched, type Row, type RowChange } from '../projections/models/projection.ts';
import type { Entry, Loaded } from './mirror.ts';

/** One user's account; without a row when the user never charged. */
export class Account implements Entry {
  readonly weight = 1;
  row: AccountRow | undefined;
  readonly #userId: string;

  constructor(userId: string, row: AccountRow | undefined) {
    this.#userId = userId;
    this.row = row;
  }

  apply(change: RowChange): void {
    if (change.table !== accountTable) return;
    if (change.kind === 'ensure' && change.row.user_id === this.#userId) {
      this.row ??= change.row as unknown as AccountRow;
    }
    if (change.kind === 'patch' && change.key[0] === this.#userId && this.row !== undefined) {
      this.row = patched(this.row as unknown as Row, change) as unknown as AccountRow;
    }
  }
}

/** A user's account in one snapshot. */
export async function loadAccount(db: Kysely<Database>, userId: string): Promise<Loaded<Account>> {
  const { rows } = await sql<{ position: bigint | null; account: AccountRow | null }>`
    SELECT
      (SELECT min(event_position) FROM projection_checkpoint) AS position,
      (SELECT row_to_json(account) FROM account WHERE user_id = ${userId}) AS account`.execute(db);
  const [row] = rows;
  return {
    entry: new Account(userId, row?.account ?? undefined),
    position: row?.position ?? null,
  };
}
