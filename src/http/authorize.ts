import type { WaitingQueue } from '../queue/waiting-queue.ts';
import { type ProblemAnswer, problem } from './answer.ts';
import type { ApiContext } from './endpoint.ts';
import type { Exchange } from './exchange.ts';

/** RFC 6750's token characters; longer ones than any queue gives are unknown unread. */
const bearer = /^Bearer +([A-Za-z0-9._~+/=-]{1,256})$/i;

export const bearerToken = (header: string): string | undefined => bearer.exec(header)?.[1];

/**
 * Is the bearer of the header's token admitted as this user?
 * @param mayWithoutPlace asked when the token is the user's, without an admitted place: may it be
 *   all the same?
 * @returns undefined when so, else the 401 or 403 to answer
 * @throws QueueUnavailable
 */
export async function refuseUnlessAdmitted(
  queue: WaitingQueue,
  userId: string,
  header: string | undefined,
  mayWithoutPlace: () => Promise<boolean> = async () => false,
): Promise<ProblemAnswer | undefined> {
  if (header === undefined) {
    const detail = 'Send AuthorizationWaiting: Bearer <token>, as the waiting status gave it.';
    return problem('token-missing', { detail });
  }
  const token = bearerToken(header);
  if (token === undefined) {
    const detail = 'The header must be AuthorizationWaiting: Bearer <token>, and no more.';
    return problem('token-unknown', { detail });
  }
  switch (await queue.authorize(userId, token)) {
    case 'admitted':
      return undefined;
    case 'waiting':
      if (await mayWithoutPlace()) return undefined;
      return problem('not-admitted', {
        detail: 'Ask the waiting status until it says processing.',
      });
    case 'holding':
      return (await mayWithoutPlace()) ? undefined : unknownToken;
    case 'not-yours':
      return problem('token-not-yours', { detail: 'The token is bound to another user.' });
    case 'unknown':
      return unknownToken;
  }
}

const unknownToken = problem('token-unknown', {
  detail: 'It was never given, or its place ended: ask the waiting status for a new one.',
});

/**
 * Reports the end of a place to the queue without delaying the answer. The command stands even if
 * the queue does not answer.
 */
export function besideAnswer(
  { log }: Pick<ApiContext, 'log'>,
  { requestId }: Exchange,
  tellQueue: () => Promise<void>,
): void {
  tellQueue().catch((error) => log.error({ requestId, err: error }, 'the place was not changed'));
}
