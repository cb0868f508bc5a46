import type { EventData } from '../events/events.ts';

/** A move of a user's place: kind, user, number, and time in milliseconds. */
export type QueueMove = EventData['QueueMoved']['moves'][number];
