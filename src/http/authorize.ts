import { type ProblemAnswer, problem } from './answer.ts';
import type { ApiContext } from './endpoint.ts';
import type { Exchange } from './exchange.ts';
import type { ShopRooms } from './shop-rooms.ts';

/** RFC 6750's token characters; longer ones than any queue gives are unknown unread. */
const bearer = /^Bearer +([A-Za-z0-9._~+/=-]{1,256})$/i;

export const bearerToken = (header: string): string | undefined => bearer.exec(header)?.[1];

/** What a call that an admitted user alone may make needs of the queue. */
export interface Guard {
  readonly userId: string;
  /** The header AuthorizationWaiting. */
  readonly token: string | undefined;
  /**
   * The room that the call is about; undefined: it is about nothing that there is, so a token of
   * any room is as good.
   */
  readonly room: () => Promise<string | undefined>;
  /**
   * Asked when the token is the user's, without an admitted place in that room: may it be all the
   * same? Default no.
   */
  readonly mayWithoutPlace?: (() => Promise<boolean>) | undefined;
}

/**
 * Is the bearer of the token admitted as this user, in the room of the call?
 * @returns undefined when so, else the 401 or 403 to answer
 * @throws QueueUnavailable, EventStoreUnavailable
 */
export async function refuseUnlessAdmitted(
  rooms: ShopRooms,
  { userId, token: header, room, mayWithoutPlace = async () => false }: Guard,
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
  const named = rooms.named(token);
  if (named === undefined) return unknownToken;
  const state = await rooms.queueOf(named).authorize(userId, token);
  switch (state) {
    case 'admitted':
    case 'waiting': {
      const needed = await room();
      const isHere = needed === undefined || needed === named;
      if (isHere && state === 'admitted') return undefined;
      if (await mayWithoutPlace()) return undefined;
      return isHere ? notAdmitted : otherRoom(named, needed);
    }
    case 'holding':
      return (await mayWithoutPlace()) ? undefined : unknownToken;
    case 'not-yours':
      return problem('token-not-yours', { detail: 'The token is bound to another user.' });
    case 'other-room':
    case 'unknown':
      return unknownToken;
  }
}

const notAdmitted = problem('not-admitted', {
  detail: 'Ask the waiting status until it says processing.',
});

function otherRoom(named: string, needed: string): ProblemAnswer {
  const wordsOf = (room: string) => (room === '' ? 'the line of the shop' : `the room ${room}`);
  return problem('token-other-room', {
    detail: `The token is of ${wordsOf(named)}, and this needs one of ${wordsOf(needed)}: ask the waiting status with the concertId.`,
  });
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
