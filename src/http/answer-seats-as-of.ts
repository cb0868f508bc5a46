import type { SeatFilter } from '../queries/read-side.ts';
import { type Answer, prepared, problem } from './answer.ts';
import { refuseUntilShown } from './answer-command.ts';
import type { ApiContext } from './endpoint.ts';
import type { Exchange } from './exchange.ts';
import { compressAhead } from './negotiate.ts';
import type { ToldPosition } from './told-position.ts';

export interface SeatsAsOf {
  readonly concertId: string;
  readonly sessionId: string;
  readonly asOf: Date;
  readonly filter: SeatFilter;
  readonly minPosition: ToldPosition | undefined;
}

/**
 * Answers with a session's seats as they were at a moment. Such an answer is made for each request,
 * and takes PostgreSQL and the compression some tenths of a second for the largest sessions: all of
 * it goes through a gate, so that questions about the past cannot keep the service from selling.
 */
export async function answerSeatsAsOf(
  api: ApiContext,
  asked: SeatsAsOf,
  exchange: Exchange,
): Promise<Answer> {
  const { concertId, sessionId, asOf, filter, minPosition } = asked;
  const { now = Date.now } = api;
  if (asOf.getTime() > now()) {
    const errors = [{ field: 'asOf', message: 'must not be in the future' }];
    return problem('invalid-request', { detail: 'asOf must not be in the future', errors });
  }
  // What the log took before that moment may not be shown yet. Who waits for it keeps nobody from
  // the gate.
  const late = await refuseUntilShown(api, minPosition, await api.logEnd());
  if (late !== undefined) return late;
  const answer = await api.pastGate.run(async () => {
    const seats = await api.reads.seatsAsOf(concertId, sessionId, asOf.getTime(), filter);
    if (seats === undefined) {
      const detail = `there was no session ${sessionId} of concert ${concertId} at ${asOf.toISOString()}`;
      return problem('session-not-found', { detail });
    }
    await compressAhead(seats);
    return prepared(seats, { isOnce: true });
  }, exchange.over());
  return (
    answer ??
    problem('too-many-queries', { detail: 'wait a moment: such lists are made a few at a time' })
  );
}
