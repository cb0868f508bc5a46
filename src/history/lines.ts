import type { RecordedEvent } from '../events/codec.ts';
import { padEnd, padStart, wrapped } from '../support/display-width.ts';
import { byWhom, originOf } from './command-of.ts';
import { inWords } from './words.ts';

/** The width of each column in a terminal. The text of `what` is wrapped within its column. */
const widths = { time: 24, what: 56, command: 17, position: 12 };

const row = (time: string, what: string, command: string, position: string, rest: string): string =>
  [
    padEnd(time, widths.time),
    padEnd(what, widths.what),
    padEnd(command, widths.command),
    padStart(position, widths.position),
    rest,
  ]
    .join('  ')
    .trimEnd();

/** The table's first line. */
export const tableHead = row(
  'time',
  'what happened',
  'command',
  'position',
  'revision@stream, by whom',
);

/** An event's lines of the table. */
export function asTableLines(event: RecordedEvent): string {
  const origin = originOf(event);
  const [first = '', ...more] = wrapped(inWords(event), widths.what);
  const time = new Date(event.createdMs).toISOString();
  const where = `${event.revision}@${event.stream}, ${byWhom(origin)}`;
  return [
    row(time, first, origin.command, String(event.position), where),
    ...more.map((line) => row('', line, '', '', '')),
  ].join('\n');
}

/**
 * An event as one line of JSON. Revision and position are decimal strings, because they may pass
 * 2^53.
 */
export function asJsonLine(event: RecordedEvent): string {
  const { stream, type, data, metadata } = event;
  return JSON.stringify({
    time: new Date(event.createdMs).toISOString(),
    what: inWords(event),
    ...originOf(event),
    stream,
    revision: String(event.revision),
    position: String(event.position),
    type,
    data,
    metadata,
  });
}
