import { z } from 'zod';
import { type JsonAnswer, json, type ProblemAnswer, problem } from '../answer.ts';
import { endpoint } from '../endpoint.ts';
import type { Readiness } from '../readiness.ts';

const dependencies = z.record(z.string(), z.enum(['up', 'down']));

const projection = z.object({
  state: z.enum(['building', 'catching-up', 'live', 'other-log', 'stopped']),
  position: z.string().nullable(),
  lagSeconds: z
    .number()
    .meta({ description: 'Age of the oldest event that the instance does not show yet.' }),
  lagEvents: z.number().meta({
    description: 'Events that the instance does not show yet; a lower bound while it catches up.',
  }),
  stalledSeconds: z
    .number()
    .meta({ description: 'How long the instance has been behind without progress.' }),
  parkedEvents: z.number().meta({
    description:
      'Events that the instance does not show, because they or an earlier event of their stream cannot be read.',
  }),
  rowsWrong: z.number().meta({
    description: 'Rows of a sample that differ from the log: run reprise verify.',
  }),
  error: z.string().optional(),
});

const clock = z.object({
  state: z.enum(['agrees', 'contradicted', 'differs', 'unknown']).meta({
    description:
      'Compares this instance’s time with its servers’: `contradicted` when the servers differ from each other, `differs` when all of them differ from the machine.',
  }),
  skewSeconds: z.number().meta({
    description:
      'How far the machine’s clock is ahead of the time that this instance uses; negative: behind.',
  }),
  detail: z.string().optional(),
});

/** As `reprise projections` has them, with what this instance knows of what is to come. */
const projections = z
  .array(
    z.object({
      name: z.string(),
      version: z.number().nullable(),
      position: z.string().nullable(),
      behindEvents: z.number().nullable(),
      behindSeconds: z.number().nullable(),
      eventsPerSecond: z.number(),
      status: z.enum(['live', 'catching up', 'stopped', 'outdated', 'not running']),
      error: z.string().nullable(),
      rebuiltAt: z.string().nullable(),
    }),
  )
  .optional()
  .meta({ description: 'Absent when PostgreSQL does not answer.' });

const queue = z.object({
  waiting: z.int().optional().meta({ description: 'Users who wait, with those who are away.' }),
  there: z.int().optional().meta({ description: 'Waiting users who poll in time.' }),
  admitted: z.int().optional(),
  warnings: z
    .array(z.string())
    .meta({ description: 'What of Redis does not suit the queue, one sentence each.' }),
});

export const livez = endpoint({
  name: 'livez',
  method: 'get',
  path: '/livez',
  summary: 'Is the process alive? This call asks no dependency.',
  answer: z.object({ status: z.literal('alive') }),
  problems: [],
  handle: () => json({ status: 'alive' }),
});

export const readyz = endpoint({
  name: 'readyz',
  method: 'get',
  path: '/readyz',
  summary:
    'Can the service sell: are the event store and the queue up, and does the read side make progress?',
  answer: z.object({
    status: z
      .enum(['ready', 'degraded'])
      .meta({ description: 'degraded: the service sells, but PostgreSQL does not answer.' }),
    dependencies,
    projection,
    clock,
    queue,
    projections,
  }),
  problems: ['not-ready'],
  handle: ({ readiness }) => tellReadiness(readiness),
});

/** 200 with all that is known, or 503 with the same and its reasons. */
export async function tellReadiness(
  readiness: () => Promise<Readiness>,
): Promise<JsonAnswer | ProblemAnswer> {
  const { state, ...parts } = await readiness();
  if (state === 'ready' || state === 'degraded') return json({ status: state, ...parts });
  if (state === 'draining') {
    const detail = 'It is being stopped: what comes is answered for a while, send it elsewhere.';
    return problem('not-ready', { detail, ...parts });
  }
  const down = Object.keys(parts.dependencies).filter(
    (name) => parts.dependencies[name] === 'down',
  );
  const projectionSays = `the projection is ${parts.projection.state}, ${parts.projection.lagSeconds} s behind, without a move for ${parts.projection.stalledSeconds} s`;
  const detail = [...down.map((name) => `${name} is down`), projectionSays].join('; ');
  return problem('not-ready', { detail, ...parts });
}
