import type { DomainEvent } from '../../src/events/events.ts';

/** An event of any type with any data, for logs with events that no schema of ours describes. */
export const foreignEvent = (type: string, data: object): DomainEvent =>
  ({ type, data }) as DomainEvent;
