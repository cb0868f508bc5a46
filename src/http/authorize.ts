import { type ProblemAnswer, problem } from './answer.ts';
import type { ApiContext } from './endpoint.ts';
import type { Exchange } from './exchange.ts';
import type { ShopRooms } from './shop-rooms.ts';

/**
 * RFC 6750's token characters. No queue gives a longer token, so a longer one is unknown without a
 * look at the queue.
 */
const bearer = /^Bearer +([A-Za-z0-9._~+/=-]{1,256})$/i;

export const bearerToken = (header: string): string | undefined => bearer.exec(header)?.[1];

/** The parts of the queue that a call needs if only an admitted user may make it. */
export interface Guard {
  readonly userId: string;
  /** The header AuthorizationWaiting. */
  readonly token: string | undefined;
  /**
   * The room that the call is about. Undefined if the call names nothing that exists; then a token
   * of any room is accepted.
   */
  readonly room: () => Promise<string | undefined>;
  /**
   * Called if the token belongs to the user but has no admitted place in that room. May the user
   * make the call in spite of this? Default no.
   */
  readonly mayWithoutPlace?: (() => Promise<boolean>) | undefined;
}

/**
 * Is the bearer of the token admitted as this user, in the room of the call?
 * @returns undefined if the user is admitted, else the 401 or 403 for the client
 * @throws QueueUnavailable, EventStoreUnavailable
 */
export async function refuseUnlessAdmitted(
  rooms: ShopRooms,
  { userId, token: header, room, mayWithoutPlace = async () => false }: Guard,
): Promise<ProblemAnswer | undefined> {
  if (header === undefined) {
    const detail =
      'Send AuthorizationWaiting: Bearer <token>, with the token of the waiting status.';
    return problem('token-missing', { detail });
  }
  const token = bearerToken(header);
  if (token === undefined) {
    const detail = 'The header must be exactly AuthorizationWaiting: Bearer <token>.';
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
      return problem('token-not-yours', { detail: 'The token belongs to another user.' });
    case 'other-room':
    case 'unknown':
      return unknownToken;
  }
}

const notAdmitted = problem('not-admitted', {
  detail: 'Poll the waiting status until `processing` is true.',
});

function otherRoom(named: string, needed: string): ProblemAnswer {
  const wordsOf = (room: string) => (room === '' ? 'the line of the shop' : `the room ${room}`);
  return problem('token-other-room', {
    detail: `The token is for ${wordsOf(named)}. This call needs a token for ${wordsOf(needed)}: get it from the waiting status with the concertId.`,
  });
}

const unknownToken = problem('token-unknown', {
  detail:
    'No queue knows the token, or its place has ended. Get a new token from the waiting status.',
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
