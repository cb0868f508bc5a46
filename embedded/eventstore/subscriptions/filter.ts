import type { FilterOptions } from '../codec/read-request.ts';
import { viewStoredEvent } from '../codec/recorded-event.ts';

/** Does the filter select events of this stream and type? */
export type EventFilter = (stream: string, type: string) => boolean;

/**
 * Makes the test of a filter. If there is a pattern, prefixes are ignored.
 * @throws if the pattern is invalid.
 */
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

/**
 * Tries the strict mode first, which accepts `\p{…}`. Otherwise uses the lenient mode, because .NET
 * accepts `\-`.
 */
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
