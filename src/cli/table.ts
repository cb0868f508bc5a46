import { displayWidth, padEnd } from '../support/display-width.ts';

/** Spaces between two columns. */
const gap = '  ';

/**
 * Rows as lines, a line per row. Each column is as wide on a terminal as its widest cell; the last
 * cell of a row ends its line. Rows may have fewer cells than others.
 */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.slice(0, -1).entries()) {
      widths[at] = Math.max(widths[at] ?? 0, displayWidth(cell));
    }
  }
  return rows.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : padEnd(cell, widths[at] ?? 0)))
      .join(gap)
      .trimEnd(),
  );
}
