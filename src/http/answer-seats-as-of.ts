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
 * Answers with a session's seats as they were at a moment. The service makes such an answer for
 * each request. For the largest sessions, PostgreSQL and the compression need some tenths of a
 * second. A gate limits this work. So questions about the past cannot stop the service from
 * selling.
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
  // The read side may not show the events before that moment yet. A caller that waits for them
  // takes no place in the gate.
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
    problem('too-many-queries', {
      detail: 'try again in a moment: the service makes only a few such lists at a time',
    })
  );
}
