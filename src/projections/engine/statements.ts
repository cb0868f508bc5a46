import type { Cell, Row, TableShape } from '../models/row-change.ts';
import type { FoldedPatch, TableChanges } from './fold.ts';

/** A statement and its parameters: one array per column, in PostgreSQL's text form. */
export interface Statement {
  /** The same for the same text, so that PostgreSQL parses it once per connection. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly string[];
}

/** A column of a statement's rows. */
interface Column {
  readonly name: string;
  readonly cells: readonly (Cell | undefined)[];
}

/**
 * The statements that apply a table's folded changes: one per kind of change, and one per set of
 * patched columns.
 */
export function* statementsOf(
  table: TableShape,
  { ensures, puts, patches }: TableChanges,
): Generator<Statement> {
  if (ensures.size > 0) yield insert(table, [...ensures.values()], 'DO NOTHING');
  if (puts.size > 0) yield insert(table, [...puts.values()], `DO UPDATE SET ${replaceAll(table)}`);
  const groups = new Map<string, FoldedPatch[]>();
  for (const one of patches.values()) {
    const columns = columnsOf(one);
    const group = groups.get(columns);
    if (group === undefined) groups.set(columns, [one]);
    else group.push(one);
  }
  for (const group of groups.values()) yield update(table, group);
}

const quoted = (name: string): string => `"${name}"`;

const replaceAll = (table: TableShape): string =>
  Object.keys(table.columns)
    .filter((column) => !table.key.includes(column))
    .map((column) => assignment(table, column, quoted(table.name), 'excluded'))
    .join(', ');

const assignment = ({ rising = [] }: TableShape, name: string, row: string, given: string) =>
  rising.includes(name)
    ? `${quoted(name)} = greatest(${row}.${quoted(name)}, ${given}.${quoted(name)})`
    : `${quoted(name)} = ${given}.${quoted(name)}`;

function insert(table: TableShape, rows: readonly Row[], onConflict: string): Statement {
  const names = Object.keys(table.columns);
  const list = names.map(quoted).join(', ');
  const key = table.key.map(quoted).join(', ');
  const given = names.map((name) => ({ name, cells: rows.map((row) => row[name]) }));
  return statement(
    `INSERT INTO ${quoted(table.name)} (${list}) SELECT ${list} FROM ${records(table, given)} ` +
      `ON CONFLICT (${key}) ${onConflict}`,
    given,
  );
}

/**
 * The sorted columns of a patch, by its columns in their own order: a few dozen. Each sort makes
 * new arrays. One for each patch would be a twelfth of all that a rebuild allocates.
 */
const sortedColumns = new Map<string, string>();

function columnsOf({ set, add }: FoldedPatch): string {
  const given = `${Object.keys(set).join()}+${Object.keys(add).join()}`;
  let columns = sortedColumns.get(given);
  if (columns === undefined) {
    columns = `${Object.keys(set).sort().join()}+${Object.keys(add).sort().join()}`;
    sortedColumns.set(given, columns);
  }
  return columns;
}

function update(table: TableShape, group: readonly FoldedPatch[]): Statement {
  const set = Object.keys(group[0]?.set ?? {});
  const add = Object.keys(group[0]?.add ?? {});
  const assignments = [
    ...set.map((name) => assignment(table, name, 't', 'r')),
    ...add.map((name) => `${quoted(name)} = t.${quoted(name)} + r.${quoted(name)}`),
  ];
  const given = [
    ...table.key.map((name, at) => ({ name, cells: group.map(({ key }) => key[at]) })),
    ...set.map((name) => ({ name, cells: group.map((one) => one.set[name]) })),
    ...add.map((name) => ({ name, cells: group.map((one) => one.add[name]) })),
  ];
  return statement(
    `UPDATE ${quoted(table.name)} AS t SET ${assignments.join(', ')} ` +
      `FROM ${records(table, given)} ` +
      `WHERE ${table.key.map((name) => `t.${quoted(name)} = r.${quoted(name)}`).join(' AND ')}`,
    given,
  );
}

/** One name per statement text: a few dozen, for the kinds of changes that projections make. */
const names = new Map<string, string>();

function statement(text: string, given: readonly Column[]): Statement {
  let name = names.get(text);
  if (name === undefined) {
    name = `projection_${names.size}`;
    names.set(text, name);
  }
  return { name, text, values: given.map(arrayText) };
}

/** The parameters as a table `r`. */
function records({ columns }: TableShape, given: readonly Column[]): string {
  const arrays = given.map(({ name }, at) => `$${at + 1}::${columns[name]}[]`);
  const names = given.map(({ name }) => quoted(name));
  return `unnest(${arrays.join(', ')}) AS r(${names.join(', ')})`;
}

/**
 * A column as the text of a PostgreSQL array. A JSON array in braces is such a text, unless a
 * string has an escape other than `\"` and `\\`. PostgreSQL reads any other escape as the character
 * after the backslash.
 */
export function arrayText({ cells }: Pick<Column, 'cells'>): string {
  const json = JSON.stringify(cells);
  const inner = /\\[^"\\]/.test(json)
    ? cells.map((cell) => (typeof cell === 'string' ? escaped(cell) : String(cell ?? null))).join()
    : json.slice(1, -1);
  return `{${inner}}`;
}

const escaped = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
