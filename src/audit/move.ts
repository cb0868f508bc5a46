import type { EventData } from '../events/events.ts';

/** What happened to a user's place: kind, user, number, and when, in milliseconds. */
export type QueueMove = EventData['QueueMoved']['moves'][number];
