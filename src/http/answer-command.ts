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
 * Answers a user's command, after every instance knows where its effect is: the user's queries wait
 * for that.
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
    // As a fallback, wait for the tables: other instances read them.
    await api.reads.reached(position, httpLimits.readSideWaitMs);
  }
  return json(result.value, tellPosition(position, epochOf(api)));
}

/**
 * Waits until the read side shows what the user did last, and what is asked for; else a 503 to
 * answer.
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
 * Waits until the read side shows what is asked for and the user's own position, `readSideWaitMs`
 * at most. A position of another log is none to wait for.
 * @returns undefined when it does, else the 503 to answer
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
