import {
  type Cell,
  keyOfRow,
  type Patch,
  patched,
  type Row,
  type RowChange,
  type TableShape,
} from '../models/row-change.ts';

/**
 * The changes of one table in a batch. Each map has at most one entry per key. The maps are applied
 * in this order.
 */
export interface TableChanges {
  readonly ensures: Map<string, Row>;
  readonly puts: Map<string, Row>;
  readonly patches: Map<string, FoldedPatch>;
}

export interface FoldedPatch {
  readonly key: readonly string[];
  readonly set: Record<string, Cell>;
  readonly add: Record<string, number>;
}

/** Ids hold no spaces, so a joined key is unique. */
export const keyText = (key: readonly string[]): string =>
  key.length === 1 ? (key[0] ?? '') : key.join(' ');

/** Most tables have one column as the key: no list is made for it. */
function rowKeyText(table: TableShape, row: Row): string {
  const [column] = table.key;
  return table.key.length === 1 && column !== undefined
    ? String(row[column])
    : keyText(keyOfRow(table, row));
}

/**
 * Folds the changes of several events, in order, into at most one change per row. A row that is put
 * and then patched is put once. A row that is patched several times is patched once. A patch of a
 * row that does not exist changes nothing.
 */
export function fold(
  ofEvents: Iterable<{ readonly changes: readonly RowChange[] }>,
): ReadonlyMap<TableShape, TableChanges> {
  const tables = new Map<TableShape, TableChanges>();
  for (const { changes } of ofEvents) {
    for (const change of changes) {
      let table = tables.get(change.table);
      if (table === undefined) {
        table = { ensures: new Map(), puts: new Map(), patches: new Map() };
        tables.set(change.table, table);
      }
      foldOne(table, change);
    }
  }
  return tables;
}

function foldOne({ ensures, puts, patches }: TableChanges, change: RowChange): void {
  switch (change.kind) {
    case 'put':
      for (const row of change.rows) {
        const key = rowKeyText(change.table, row);
        puts.set(key, row);
        ensures.delete(key);
        patches.delete(key);
      }
      return;
    case 'ensure': {
      const key = rowKeyText(change.table, change.row);
      if (!puts.has(key) && !ensures.has(key)) ensures.set(key, change.row);
      return;
    }
    case 'patch': {
      const key = keyText(change.key);
      const row = puts.get(key);
      if (row !== undefined) {
        puts.set(key, patched(row, change));
        return;
      }
      const before = patches.get(key);
      if (before === undefined) {
        patches.set(key, {
          key: change.key,
          set: { ...(change.set as Row) },
          add: { ...change.add },
        });
      } else {
        mergePatch(before, change);
      }
    }
  }
}

function mergePatch({ set, add }: FoldedPatch, later: Pick<Patch, 'set' | 'add'>): void {
  for (const column in later.set) {
    set[column] = later.set[column] ?? null;
    delete add[column];
  }
  for (const column in later.add) {
    const by = later.add[column] ?? 0;
    if (column in set) set[column] = Number(set[column]) + by;
    else add[column] = (add[column] ?? 0) + by;
  }
}
