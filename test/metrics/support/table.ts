import { readFileSync } from 'node:fs';

/** A row of the tables in docs/metrics.md. */
export interface Metric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly meaning: string;
}

/** All rows; those of the process have no column of labels. */
export function readTable(): readonly Metric[] {
  const text = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
  const rows = text.match(/^\| `.+\|$/gm) ?? [];
  return rows.map((row) => {
    const cells = row.split('|').map((cell) => cell.trim());
    const [, name = '', type = ''] = cells;
    return {
      name: quoted(name)[0] ?? '',
      type,
      labels: cells.length > 5 ? quoted(cells[3] ?? '') : [],
      meaning: cells.at(-2) ?? '',
    };
  });
}

const quoted = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

/** What a page in the text format of Prometheus says of its metrics; labels as they occur. */
export function describedIn(page: string): readonly Metric[] {
  const types = new Map([...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, n, t]) => [n, t]));
  return [...page.matchAll(/^# HELP (\S+) (.+)$/gm)].map(([, name = '', meaning = '']) => ({
    name,
    type: types.get(name) ?? '',
    labels: labelsOf(page, name),
    meaning,
  }));
}

function labelsOf(page: string, name: string): string[] {
  const samples = page.matchAll(
    new RegExp(`^${name}(?:_bucket|_sum|_count)?\\{(.*)\\} \\S+$`, 'gm'),
  );
  const names = [...samples].flatMap(([, text = '']) =>
    [...text.matchAll(/(\w+)="/g)].map(([, label = '']) => label),
  );
  return [...new Set(names)].filter((label) => label !== 'le');
}

/** Which metrics Linux alone exports. */
export const onLinuxAlone: readonly string[] = [
  'process_virtual_memory_bytes',
  'process_heap_bytes',
  'process_open_fds',
  'process_max_fds',
];
