import type { Result } from '../commands/core/result.ts';
import {
  type Answer,
  type JsonAnswer,
  json,
  type ProblemAnswer,
  problem,
  refused,
} from './answer.ts';
import { type ApiContext, epochOf } from './endpoint.ts';
import { httpLimits } from './limits.ts';
import { positionOf, type ToldPosition, tellPosition } from './told-position.ts';

/**
 * Answers a user's command. First every instance gets the position of its effect, because the
 * user's queries wait for that position.
 */
export async function answerCommand(
  api: ApiContext,
  userId: string,
  result: Result<unknown>,
): Promise<JsonAnswer | ProblemAnswer> {
  if (!result.ok) return refused(result.refusal);
  const position = result.position ?? (await api.logEnd());
  if (position === null) return json(result.value);
  try {
    await api.ownPositions.note(userId, position);
  } catch {
    // As a fallback, wait for the tables, because other instances read them.
    await api.reads.reached(position, httpLimits.readSideWaitMs);
  }
  return json(result.value, tellPosition(position, epochOf(api)));
}

/**
 * Waits until the read side shows the user's last command and the position that the request asks
 * for. If it does not, the result is a 503.
 */
export async function refuseUntilOwnShown(
  api: ApiContext,
  userId: string,
  asked: ToldPosition | undefined,
): Promise<Answer | undefined> {
  const own = await api.ownPositions.of(userId);
  return refuseUntilShown(api, asked, own === 'unknown' ? await api.logEnd() : own);
}

/**
 * Waits until the read side shows the requested position and the user's own position, for
 * `readSideWaitMs` at most. It does not wait for a position of another log.
 * @returns undefined when the read side shows both, else the 503 for the client
 */
export async function refuseUntilShown(
  api: Pick<ApiContext, 'reads' | 'epoch'>,
  asked: ToldPosition | undefined,
  own: bigint | null = null,
): Promise<Answer | undefined> {
  const { reads } = api;
  let needed = positionOf(asked, epochOf(api));
  if (own !== null && (needed === undefined || own > needed)) needed = own;
  if (needed === undefined || (await reads.reached(needed, httpLimits.readSideWaitMs))) {
    return undefined;
  }
  return problem('read-side-behind', {
    detail: `The read side did not reach position ${needed} in ${httpLimits.readSideWaitMs} ms.`,
  });
}
