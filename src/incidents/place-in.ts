import type { RecordedEvent } from '../events/codec.ts';
import { originOf } from '../history/command-of.ts';
import type { Place } from './facts.ts';

/** The place of an event in the log, and the request that caused it. */
export function placeIn(event: RecordedEvent): Place {
  const { requestId } = originOf(event);
  return {
    at: new Date(event.createdMs).toISOString(),
    event: `${event.revision}@${event.stream}`,
    position: String(event.position),
    ...(requestId === undefined ? {} : { requestId }),
  };
}
