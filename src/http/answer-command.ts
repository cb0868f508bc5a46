import type { Result } from '../commands/core/result.ts';
import type { ReadSide } from '../queries/read-side.ts';
import {
  type Answer,
  type JsonAnswer,
  json,
  type ProblemAnswer,
  problem,
  refused,
} from './answer.ts';
import type { ApiContext } from './endpoint.ts';
import { httpLimits } from './limits.ts';

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
  return json(result.value, position);
}

/**
 * Waits until the read side shows what the user did last, and what is asked for; else a 503 to
 * answer.
 */
export async function refuseUntilOwnShown(
  { ownPositions, logEnd, reads }: ApiContext,
  userId: string,
  asked: bigint | undefined,
): Promise<Answer | undefined> {
  const own = await ownPositions.of(userId);
  return refuseUntilShown(reads, asked, own === 'unknown' ? await logEnd() : own);
}

/**
 * Waits until the read side shows all of the positions, `readSideWaitMs` at most.
 * @returns undefined when it does, else the 503 to answer
 */
export async function refuseUntilShown(
  reads: ReadSide,
  ...positions: readonly (bigint | null | undefined)[]
): Promise<Answer | undefined> {
  let needed: bigint | undefined;
  for (const position of positions) {
    if (position === undefined || position === null) continue;
    if (needed === undefined || position > needed) needed = position;
  }
  if (needed === undefined || (await reads.reached(needed, httpLimits.readSideWaitMs))) {
    return undefined;
  }
  return problem('read-side-behind', {
    detail: `The read side did not reach position ${needed} in ${httpLimits.readSideWaitMs} ms.`,
  });
}
