/**
 * The changes that an event makes to the tables. Projections and readers see typed rows; the code
 * in between sees plain columns.
 */

/** A value as it is sent to PostgreSQL. Bigint columns that may pass 2^53 are decimal strings. */
export type Cell = string | number | boolean | null;
export type Row = Readonly<Record<string, Cell>>;
export type ColumnType = 'text' | 'integer' | 'bigint' | 'timestamptz';

/** A table that a projection writes. */
export interface TableShape {
  readonly name: string;
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** Primary key; its columns are text. */
  readonly key: readonly string[];
  /** Columns that only rise. Parked events are written late, and must not decrease them. */
  readonly rising?: readonly string[];
  /**
   * SQL, with unqualified names, that makes the table with its primary key, and the other indexes
   * after the fill. It is absent while the table has the shape from the migrations. If the shape
   * changes, the version of the projection is raised. Then the service builds the new tables beside
   * the old ones when it starts.
   */
  readonly definition?: { readonly table: string; readonly indexes: readonly string[] };
}

/** A table whose rows have the shape R. */
export interface Table<R extends Row> extends TableShape {
  readonly columns: { readonly [C in keyof R & string]: ColumnType };
  readonly key: readonly (keyof R & string)[];
}

/** Whole rows, inserted or replaced. */
export interface Put<R extends Row = Row> {
  readonly kind: 'put';
  readonly table: TableShape;
  readonly rows: readonly R[];
}

/** A whole row, unless its key exists. */
export interface Ensure<R extends Row = Row> {
  readonly kind: 'ensure';
  readonly table: TableShape;
  readonly row: R;
}

/**
 * Changes some columns of an existing row. It sets a column or adds to it, never both for one
 * column.
 */
export interface Patch<R extends Row = Row> {
  readonly kind: 'patch';
  readonly table: TableShape;
  /** In the order of the table's key. */
  readonly key: readonly string[];
  readonly set: Partial<R>;
  readonly add: Readonly<Record<string, number>>;
}

/** A change of a table whose rows have the shape R. */
export type RowChange<R extends Row = Row> = Put<R> | Ensure<R> | Patch<R>;

export const put = <R extends Row>(table: Table<R>, rows: readonly R[]): Put<R> => ({
  kind: 'put',
  table,
  rows,
});

export const ensure = <R extends Row>(table: Table<R>, row: R): Ensure<R> => ({
  kind: 'ensure',
  table,
  row,
});

export const patch = <R extends Row>(
  table: Table<R>,
  key: readonly string[],
  set: Partial<R>,
  add: { readonly [C in keyof R]?: number } = {},
): Patch<R> => ({ kind: 'patch', table, key, set, add: add as Readonly<Record<string, number>> });

/** Does the change belong to this table? If so, its rows have the table's type. */
export const isOf = <R extends Row>(table: Table<R>, change: RowChange): change is RowChange<R> =>
  change.table === table;

/** A row with a patch's columns set, then added to. */
export function patched<R extends Row>(row: R, { set, add }: Pick<Patch<R>, 'set' | 'add'>): R {
  const next: Record<string, Cell> = { ...row, ...set };
  for (const column in add) next[column] = Number(next[column]) + (add[column] ?? 0);
  return next as R;
}

/** A row's key, in the order of the table's key. */
export const keyOfRow = ({ key }: TableShape, row: Row): readonly string[] =>
  key.map((column) => String(row[column]));

/** The keys of the rows that a change concerns. */
export function keysOf(change: RowChange): readonly (readonly string[])[] {
  switch (change.kind) {
    case 'patch':
      return [change.key];
    case 'ensure':
      return [keyOfRow(change.table, change.row)];
    case 'put':
      return change.rows.map((row) => keyOfRow(change.table, row));
  }
}
