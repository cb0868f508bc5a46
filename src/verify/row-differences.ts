import type { Cell, ExpectedRow, ExpectedTable } from './expected-table.ts';
import type { Findings } from './finding.ts';
import type { ReadModels, StoredCell } from './read-models.ts';

/**
 * Compares a table with the log, row by row and column by column.
 * @param onRows called with the number of rows compared since its last call
 * @returns the number of rows in the table
 */
export async function compareRows(
  models: ReadModels,
  expected: ExpectedTable,
  findings: Findings,
  onRows: (rows: number) => void,
): Promise<number> {
  let count = 0;
  let found = 0;
  let before: string | undefined;
  for await (const rows of models.rows(expected)) {
    for (const cells of rows) {
      const key = keyOf(expected, cells);
      const asked = expected.rows.get(key);
      if (asked === undefined || key === before) {
        const detail = asked === undefined ? 'no event of the log made it' : 'it is there twice';
        findings.report('row-extra', asked?.changedBy, detail, `${expected.name} ${key}`);
      } else {
        found += 1;
        compareCells(expected, key, asked, cells, findings);
      }
      before = key;
    }
    count += rows.length;
    onRows(rows.length);
  }
  if (found < expected.rows.size) await reportMissing(models, expected, findings);
  return count;
}

function compareCells(
  { name, columns }: ExpectedTable,
  key: string,
  { row, changedBy }: ExpectedRow,
  cells: readonly StoredCell[],
  findings: Findings,
): void {
  const differences: string[] = [];
  for (const [index, column] of columns.entries()) {
    const stored = cells[index] ?? null;
    const asked = row[column] ?? null;
    if (isSame(stored, asked)) continue;
    const says = stored instanceof Date ? asTime(asked) : asked;
    differences.push(`${column} is ${show(stored)}, the log says ${show(says)}`);
  }
  if (differences.length === 0) return;
  findings.report('row-differs', changedBy, differences.join('; '), `${name} ${key}`);
}

/** Called only if rows are missing, because to find them needs all keys in memory. */
async function reportMissing(
  models: ReadModels,
  expected: ExpectedTable,
  findings: Findings,
): Promise<void> {
  const there = new Set<string>();
  for await (const rows of models.rows(expected)) {
    for (const cells of rows) there.add(keyOf(expected, cells));
  }
  for (const [key, { changedBy }] of expected.rows) {
    if (there.has(key)) continue;
    findings.report('row-missing', changedBy, 'the log asks for it', `${expected.name} ${key}`);
  }
}

const keyOf = ({ key }: ExpectedTable, cells: readonly StoredCell[]): string =>
  cells.slice(0, key.length).join('/');

/** Compares a value. The driver returns amounts as bigint and times as Date. */
function isSame(stored: StoredCell, asked: Cell): boolean {
  const value = stored instanceof Date ? stored.getTime() : stored;
  if (value === asked) return true;
  return value !== null && asked !== null && String(value) === String(asked);
}

const asTime = (asked: Cell): StoredCell => (typeof asked === 'number' ? new Date(asked) : asked);

function show(cell: StoredCell): string {
  if (cell === null) return 'empty';
  return cell instanceof Date ? cell.toISOString() : String(cell);
}
