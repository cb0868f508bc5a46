import type { FilterOptions } from '../codec/read-request.ts';
import { viewStoredEvent } from '../codec/recorded-event.ts';

/** Whether an event of this stream and type is wanted. */
export type EventFilter = (stream: string, type: string) => boolean;

/** Makes the test for a filter: a pattern wins over prefixes. @throws when the pattern is none. */
export function eventFilter(options: FilterOptions): EventFilter {
  const matches = textFilter(options);
  return options.on === 'stream' ? (stream) => matches(stream) : (_, type) => matches(type);
}

function textFilter({ regex, prefixes }: FilterOptions): (text: string) => boolean {
  if (regex !== '') {
    const pattern = compile(regex);
    return (text) => pattern.test(text);
  }
  return (text) => prefixes.some((prefix) => text.startsWith(prefix));
}

/** Strictly where that works (it knows `\p{…}`), else as leniently as .NET reads `\-`. */
function compile(regex: string): RegExp {
  try {
    return new RegExp(regex, 'u');
  } catch {
    return new RegExp(regex);
  }
}

/** The same test for an event as it is stored. */
export function matchesStored(filter: EventFilter, message: Buffer): boolean {
  const { stream, type } = viewStoredEvent(message);
  return filter(stream, type);
}
