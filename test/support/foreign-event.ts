import type { DomainEvent } from '../../src/events/events.ts';

/** An event of any type and data, for logs that hold what no schema of ours describes. */
export const foreignEvent = (type: string, data: object): DomainEvent =>
  ({ type, data }) as DomainEvent;
