import type { WaitingQueue } from '../queue/waiting-queue.ts';
import { type ProblemAnswer, problem } from './answer.ts';

/** RFC 6750's token characters; longer ones than any queue gives are unknown unread. */
const bearer = /^Bearer +([A-Za-z0-9._~+/=-]{1,256})$/i;

export const bearerToken = (header: string): string | undefined => bearer.exec(header)?.[1];

/**
 * Is the bearer of the header's token admitted as this user?
 * @returns undefined when so, else the 401 or 403 to answer
 * @throws QueueUnavailable
 */
export async function refuseUnlessAdmitted(
  queue: WaitingQueue,
  userId: string,
  header: string | undefined,
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
      return problem('not-admitted', {
        detail: 'Ask the waiting status until it says processing.',
      });
    case 'not-yours':
      return problem('token-not-yours', { detail: 'The token is bound to another user.' });
    case 'unknown': {
      const detail =
        'It was never given, or its place ended: ask the waiting status for a new one.';
      return problem('token-unknown', { detail });
    }
  }
}
