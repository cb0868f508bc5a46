import type { Violation } from './finding.ts';
import type { Verdict } from './verify-log.ts';

/** The verdict for people: a summary, then the violations that are listed, each on a line. */
export function describeVerdict({ log, rows, violations, eventsPerSecond }: Verdict): string {
  const { total, byCode, listed } = violations;
  const skipped = log.skipped === 0 ? '' : `, ${log.skipped} of them skipped`;
  const lines = [
    `log         ${log.events} events${skipped} (${eventsPerSecond}/s): ${log.seats} seats reserved ${log.reservations} times, ${log.sold} sold; ${log.orders} orders`,
    `money       ${log.accounts} accounts, ${log.payments} payments, ${log.captured} captured, ${log.openPayments} open`,
    ...(log.queueMoves === 0 ? [] : [`queue       ${log.queueMoves} moves of waiting places`]),
    ...(log.foreign === 0
      ? []
      : [
          `foreign     ${log.foreign} events on streams that begin with another program’s: nobody’s`,
        ]),
    rows === undefined
      ? 'PostgreSQL  not looked at'
      : `PostgreSQL  rows at log position ${rows.position ?? 'start'}: ${Object.entries(rows.tables)
          .map(([name, count]) => `${name} ${count}`)
          .join(', ')}`,
    ...listed.map(describeViolation),
  ];
  if (total === 0) {
    lines.push(
      'proven from the log: no seat sold twice, each paid once by its buyer, no balance wrong, nothing lost',
    );
    if (rows !== undefined) lines.push('and PostgreSQL says the same, row by row');
    return lines.join('\n');
  }
  if (total > listed.length) lines.push(`… and ${total - listed.length} more`);
  if (byCode.unreadable !== undefined) {
    lines.push(
      'unreadable  use a version that can read it; where there is none: reprise help projections skip',
    );
  }
  const kinds = Object.entries(byCode).map(([code, count]) => `${code} ${count}`);
  lines.push(
    `NOT PROVEN: ${total} ${total === 1 ? 'violation' : 'violations'}: ${kinds.join(', ')}`,
  );
  return lines.join('\n');
}

function describeViolation({ code, stream, revision, row, detail }: Violation): string {
  const event = stream === undefined ? '' : ` at ${revision}@${stream}`;
  return `VIOLATION ${code}${row === undefined ? '' : ` ${row}`}${event}: ${detail}`;
}

/** The verdict as JSON. Positions and revisions are decimal strings. */
export function verdictToJson(verdict: Verdict): unknown {
  const { log, rows, violations, eventsPerSecond } = verdict;
  return {
    proven: violations.total === 0,
    log,
    rows: rows && { ...rows, position: rows.position === null ? null : `${rows.position}` },
    eventsPerSecond,
    violations: {
      ...violations,
      listed: violations.listed.map((one) => ({
        ...one,
        revision: one.revision === undefined ? undefined : `${one.revision}`,
      })),
    },
  };
}
