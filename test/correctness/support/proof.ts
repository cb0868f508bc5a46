import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { decode, type RecordedEvent, type StoredEvent } from '../../../src/events/codec.ts';
import { fold, keyText } from '../../../src/projections/engine/fold.ts';
import { joinProjections } from '../../../src/projections/models/projection.ts';
import { projections } from '../../../src/projections/models/registry.ts';
import { patched, type Row, type TableShape } from '../../../src/projections/models/row-change.ts';
import { ExpectedTables } from '../../../src/verify/expected-tables.ts';
import { type Data, Findings, type LogEvent } from '../../../src/verify/finding.ts';
import { LogProof } from '../../../src/verify/log-proof.ts';

const changesOf = joinProjections(projections);
const isRead = ({ stream }: RecordedEvent): boolean => !/^(catalog|request)-/.test(stream);

/**
 * What every reader says of a log: each event is readable, the verifier's proof finds nothing, the
 * read models are the same folded at once and one by one, and are what the verifier expects of
 * them.
 */
export function expectReadable(log: readonly RecordedEvent[]): void {
  const stored = log.map(decode);
  for (const [n, { data }] of stored.entries()) same(data, log[n]?.data, 'read as written');
  const findings = new Findings(5);
  const proof = new LogProof(findings);
  const expected = new ExpectedTables();
  for (const event of log) {
    proof.see(toLogEvent(event));
    if (isRead(event)) expected.see(toLogEvent(event));
  }
  // Nothing of it was long ago.
  proof.conclude(-1, 0);
  same(findings.kept, [], 'proven');
  const events = stored.filter(isRead);
  const rebuilt = rowsOf(events, events.length);
  if (events.length > 1) same(rowsOf(events, 1), rebuilt, 'rebuilt');
  for (const { name, columns, rows } of expected.all) {
    const asked = [...rows.values()].map(({ row }) => columns.map((column) => said(row[column])));
    const there = [...(rebuilt.get(name)?.values() ?? [])].map((row) =>
      columns.map((column) => said(asStored(name, column, row[column]))),
    );
    same(there.map(String).sort(), asked.map(String).sort(), name);
  }
}

/** Chai's own takes many times as long, so it is asked only to show the difference. */
function same(actual: unknown, expected: unknown, what: string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, what).to.deep.equal(expected);
}

type Cell = string | number | bigint | boolean | null | undefined;
const said = (cell: Cell): string => String(cell ?? null);

const times = new Set(
  projections.flatMap(({ tables }) =>
    tables.flatMap(({ name, columns }) =>
      Object.entries(columns).flatMap(([column, type]) =>
        type === 'timestamptz' ? [`${name}.${column}`] : [],
      ),
    ),
  ),
);

/** As PostgreSQL has it: text in UTF-8 without NUL, times as moments. */
function asStored(table: string, column: string, cell: Cell): Cell {
  if (typeof cell !== 'string') return cell;
  if (times.has(`${table}.${column}`)) return Date.parse(cell);
  if (cell.includes('\0')) throw new Error(`${table}.${column} has a NUL`);
  return Buffer.from(cell).toString();
}

const toLogEvent = ({ data, metadata, ...event }: RecordedEvent): LogEvent => ({
  ...event,
  data: data as Data,
  version: (metadata as { schemaVersion: unknown }).schemaVersion,
});

/** Rows by table and key after the events, folded `batch` at a time. */
function rowsOf(events: readonly StoredEvent[], batch: number) {
  const tables = new Map<string, Map<string, Row>>();
  for (let at = 0; at < events.length; at += batch) {
    const changes = fold([{ changes: events.slice(at, at + batch).flatMap(changesOf) }]);
    for (const [{ name }, { ensures, puts, patches }] of changes as Map<TableShape, never>) {
      const rows = tables.get(name) ?? new Map<string, Row>();
      tables.set(name, rows);
      for (const [key, row] of ensures as Map<string, Row>) if (!rows.has(key)) rows.set(key, row);
      for (const [key, row] of puts as Map<string, Row>) rows.set(key, row);
      for (const change of (
        patches as Map<string, Parameters<typeof patched>[1] & { key: string[] }>
      ).values()) {
        const key = keyText(change.key);
        const row = rows.get(key);
        if (row !== undefined) rows.set(key, patched(row, change));
      }
    }
  }
  return tables;
}
