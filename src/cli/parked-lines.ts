import type { ParkedStreamRow } from '../projections/parking/parked-table.ts';

/** Parked streams that are listed; `reprise projections --json` lists all. */
const parkedLinesMax = 20;

/** Lines about the parked streams, in the order of their first parked events in the log. */
export function parkedLines(parked: readonly ParkedStreamRow[]): readonly string[] {
  if (parked.length === 0) return [];
  const events = parked.reduce((sum, one) => sum + one.events, 0);
  const oldest = Math.min(...parked.map(({ parkedAt }) => parkedAt.getTime()));
  const head = `parked: ${counted(events, 'event')} of ${counted(parked.length, 'stream')}, the first since ${new Date(oldest).toISOString()}`;
  const lines = parked
    .slice(0, parkedLinesMax)
    .map((one) => `  ${one.stream}, ${counted(one.events, 'event')}: ${one.error}`);
  const more = parked.length - lines.length;
  return [
    head,
    ...lines,
    ...(more > 0 ? [`  and ${counted(more, 'stream')} more: --json lists all`] : []),
  ];
}

export const counted = (count: number, what: string): string =>
  `${count} ${what}${count === 1 ? '' : 's'}`;
