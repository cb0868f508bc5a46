import type { ProposedEvent } from '../codec/recorded-event.ts';

/** What an event counts for the append size limit, in bytes: as EventStoreDB counts. */
export function appendSize(event: ProposedEvent): number {
  return event.data.length + event.metadata.length + 2 * event.type.length;
}

/** Names the first thing wrong with an append, undefined when there is none. */
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
