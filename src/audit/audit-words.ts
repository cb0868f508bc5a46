import { padEnd, padStart } from '../support/display-width.ts';
import type { AuditVerdict, Listed, RoomVerdict } from './audit-queue.ts';
import type { Stay } from './audited-place.ts';
import type { Finding } from './findings.ts';
import type { Lot } from './lots.ts';

const iso = (ms: number | undefined): string =>
  ms === undefined ? '' : new Date(ms).toISOString();

const columns: readonly (readonly [head: string, cell: (room: RoomVerdict) => string | number])[] =
  [
    ['room', ({ room }) => roomInWords(room)],
    ['enrolled', ({ enrolled }) => enrolled],
    ['admitted', ({ admitted }) => admitted],
    ['unclaimed', ({ unclaimed }) => unclaimed],
    ['left', ({ left }) => left],
    ['ended', ({ ended }) => ended],
    ['cleared', ({ cleared }) => cleared],
    ['most at once', ({ insideMost }) => insideMost],
    ['waiting now', ({ waiting }) => waiting],
  ];

const roomInWords = (room: string): string => (room === '' ? '(the line of the shop)' : room);

/** The verdict for people: a table of the rooms, the findings, and whether fairness is proven. */
export function describeAudit({ events, rooms, violations, exceptions }: AuditVerdict): string {
  const rows = [
    columns.map(([head]) => head),
    ...rooms.map((room) => columns.map(([, cell]) => String(cell(room)))),
  ];
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, at) => (at === 0 ? padEnd : padStart)(cell, widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const verdict =
    violations.total === 0
      ? 'proven from the log: the queue admitted users in order, never more than the limit, and nobody twice'
      : `NOT PROVEN: ${inShort(violations)}`;
  return [
    ...(rooms.length === 0 ? ['the log has no moves of the queue in this period'] : lines),
    ...rooms.flatMap(({ room, lots }) => lots.map((lot) => lotInWords(room, lot))),
    ...section('exception', exceptions),
    ...section('VIOLATION', violations),
    `${events} events of the queue read; ${exceptions.total} exceptions${exceptions.total === 0 ? '' : `: ${inShort(exceptions)}`}`,
    verdict,
  ].join('\n');
}

const lotInWords = (room: string, { seed, drawnMs, tookPart, ...times }: Lot): string =>
  `lot of ${roomInWords(room)}: ${tookPart} took part from ${iso(times.fromMs)} to ` +
  `${iso(times.closesMs)}, ${seed === undefined ? 'not drawn' : `drawn ${iso(drawnMs)}`}, ` +
  `the sale opens at ${iso(times.opensMs)}${seed === undefined ? '' : `\n  seed ${seed}`}`;

const inShort = ({ byCode }: Listed<string>): string =>
  Object.entries(byCode)
    .map(([code, count]) => `${code} ${count}`)
    .join(', ');

function section(word: string, { total, listed }: Listed<string>): string[] {
  const more = total - listed.length;
  return [
    ...listed.map((finding) => `${word} ${lineOf(finding)}`),
    ...(more === 0 ? [] : [`… and ${more} more; --max lists more of them`]),
  ];
}

const lineOf = ({ code, room, userId, atMs, detail }: Finding<string>): string =>
  `${code} ${iso(atMs)}${userId === '' ? '' : ` user ${userId}`}` +
  `${room === '' ? '' : ` in ${room}`}: ${detail}`;

/** The first line of the stays as CSV. */
export const csvHead = 'room,user,number,enrolled,admitted,ended,waitedSeconds,outcome,notes';

/** A stay as a line of CSV. Ids of the service contain no comma. Others are quoted. */
export function csvLine(stay: Stay): string {
  const { room, userId, number, enrolledMs, admittedMs, endedMs, outcome, notes } = stay;
  const waited =
    enrolledMs === undefined || admittedMs === undefined
      ? ''
      : ((admittedMs - enrolledMs) / 1_000).toFixed(3);
  const cells = [room, userId, number, iso(enrolledMs), iso(admittedMs), iso(endedMs)];
  return [...cells, waited, outcome, notes.join(' ')].map((cell) => quoted(String(cell))).join(',');
}

const quoted = (cell: string): string =>
  /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
