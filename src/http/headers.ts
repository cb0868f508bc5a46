import { z } from 'zod';
import { toldPosition } from './told-position.ts';

/** How each header that a route reads is spelt. Node gives them in lower case. */
export const headerNames: Readonly<Record<string, string>> = {
  'accept-encoding': 'Accept-Encoding',
  authorizationwaiting: 'AuthorizationWaiting',
  'idempotency-key': 'Idempotency-Key',
  'last-event-id': 'Last-Event-ID',
  'x-min-event-position': 'X-Min-Event-Position',
};

const keySchema = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters, without spaces')
  .meta({ description: 'Repetitions with the same key have one effect.' });

/**
 * `AuthorizationWaiting: Bearer <token>`. `authorize.ts` checks it, because a missing token is a
 * 401, not a 400.
 */
export const tokenHeader = { authorizationwaiting: z.string().optional() };

export const requiredKeyHeader = { 'idempotency-key': keySchema };
export const optionalKeyHeader = { 'idempotency-key': keySchema.optional() };

/**
 * A client can send the X-Event-Position of a command with a query. The query then waits until the
 * read side shows that position.
 */
export const minPositionHeader = {
  'x-min-event-position': toldPosition('must be the value of an X-Event-Position').optional().meta({
    description:
      'An X-Event-Position: the answer includes everything up to it, or is 503 after 2 seconds.',
  }),
};

/** For queries that take nothing but a minimum position. */
export const queryHeaders = z.object(minPositionHeader);
