import type { Moment } from './finding.ts';

/** A value of a column. Times are milliseconds since the epoch. */
export type Cell = string | number | bigint | null;

export type Row = Record<string, Cell>;

/** A row by the log, with the last event that changed it. */
export interface ExpectedRow {
  row: Row;
  changedBy: Moment;
}

/** A table by the log. */
export class ExpectedTable {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly rows = new Map<string, ExpectedRow>();

  /** @param columns all of them, the key's first */
  constructor(name: string, keyColumns: number, columns: readonly string[]) {
    this.name = name;
    this.columns = columns;
    this.key = columns.slice(0, keyColumns);
  }

  /** Sets a row to its current state, replacing any earlier row. */
  put(row: Row, changedBy: Moment): void {
    this.rows.set(this.key.map((column) => row[column]).join('/'), { row, changedBy });
  }

  /** Changes a row. Does nothing if the row does not exist. */
  change(key: string, cells: Row, changedBy: Moment): void {
    const known = this.rows.get(key);
    if (known === undefined) return;
    Object.assign(known.row, cells);
    known.changedBy = changedBy;
  }

  /** Adds to columns of a row. Does nothing if the row does not exist. */
  add(key: string, amounts: Readonly<Record<string, number>>, changedBy: Moment): void {
    const known = this.rows.get(key);
    if (known === undefined) return;
    for (const column in amounts) {
      known.row[column] = Number(known.row[column]) + (amounts[column] ?? 0);
    }
    known.changedBy = changedBy;
  }
}
