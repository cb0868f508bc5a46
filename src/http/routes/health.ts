import { z } from 'zod';
import { type JsonAnswer, json, type ProblemAnswer, problem } from '../answer.ts';
import { endpoint } from '../endpoint.ts';
import type { Readiness } from '../readiness.ts';

export const livez = endpoint({
  name: 'livez',
  method: 'get',
  path: '/livez',
  summary: 'Is the process alive? This call uses no other server.',
  answer: z.object({ status: z.literal('alive') }),
  problems: [],
  handle: () => json({ status: 'alive' }),
});

export const readyz = endpoint({
  name: 'readyz',
  method: 'get',
  path: '/readyz',
  summary:
    'Can the service sell? It can if the event store and the queue are up and the read side makes progress. The admin listener shows the reasons.',
  answer: z.object({
    status: z
      .enum(['ready', 'degraded'])
      .meta({ description: 'degraded: the service sells, but PostgreSQL does not answer.' }),
  }),
  problems: ['not-ready'],
  async handle({ readiness }) {
    const { state } = await readiness();
    return isReady(state) ? json({ status: state }) : bareNotReady;
  },
});

/**
 * Buyers see no more than this. Reasons name servers, and positions and counts show facts about the
 * sale.
 */
const bareNotReady = problem('not-ready', {
  detail: 'This instance cannot serve buyers now. /readyz of its admin listener shows the reason.',
});

/** Does an instance in this state serve buyers? */
export const isReady = (state: Readiness['state']): state is 'ready' | 'degraded' =>
  state === 'ready' || state === 'degraded';

/** 200 with all that is known, or 503 with the same and its reasons. */
export async function tellReadiness(
  readiness: () => Promise<Readiness>,
): Promise<JsonAnswer | ProblemAnswer> {
  const { state, ...parts } = await readiness();
  if (isReady(state)) return json({ status: state, ...parts });
  if (state === 'draining') {
    const detail =
      'The service will stop soon. It still answers for a while. Send new requests to another instance.';
    return problem('not-ready', { detail, ...parts });
  }
  const down = Object.keys(parts.dependencies).filter(
    (name) => parts.dependencies[name] === 'down',
  );
  const projectionSays = `the projection is ${parts.projection.state}, ${parts.projection.lagSeconds} s behind, without progress for ${parts.projection.stalledSeconds} s`;
  const detail = [...down.map((name) => `${name} is down`), projectionSays].join('; ');
  return problem('not-ready', { detail, ...parts });
}
