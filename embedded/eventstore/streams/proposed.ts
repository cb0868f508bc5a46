import type { ProposedEvent } from '../codec/recorded-event.ts';

/** The size of an event for the append limit, in bytes, as EventStoreDB counts it. */
export function appendSize(event: ProposedEvent): number {
  return event.data.length + event.metadata.length + 2 * event.type.length;
}

/** The first fault of an append; undefined if it has none. */
export function invalidEvents(
  stream: string,
  events: readonly ProposedEvent[],
): string | undefined {
  if (stream === '' || stream === '$$') return 'the stream has no name';
  if (stream === '$all') return '$all cannot be written to';
  for (const event of events) {
    if (event.type === '') return `event ${event.id} has no type`;
    if (event.contentType === '') return `event ${event.id} has no content type`;
  }
  return undefined;
}
