import { z } from 'zod';
import { type LagHistogram, lagBounds } from '../../projections/live-lag.ts';
import type { ReadSideStatus } from '../../queries/read-side.ts';
import { text } from '../answer.ts';
import { endpoint } from '../endpoint.ts';

const mediaType = 'text/plain; version=0.0.4; charset=utf-8';

export const metrics = endpoint({
  name: 'metrics',
  method: 'get',
  path: '/metrics',
  summary: 'How far the read side of this instance is behind the log, as Prometheus reads it.',
  answer: z.string(),
  answerType: 'text/plain',
  problems: [],
  handle: ({ reads, liveLag, rowsWrong }) =>
    text(
      mediaType,
      [
        ...liveLagLines(liveLag()),
        ...gaugeLines({ ...reads.status(), rowsWrong: rowsWrong() }),
        '',
      ].join('\n'),
    ),
});

/** Counted since the process started: what happened between two looks is the difference. */
function* liveLagLines({ upTo, count, sum }: LagHistogram): Generator<string> {
  const name = 'reprise_live_lag_seconds';
  yield `# HELP ${name} From when the log took an event to when its rows are visible here.`;
  yield `# TYPE ${name} histogram`;
  for (const [at, bound] of lagBounds.entries()) yield `${name}_bucket{le="${bound}"} ${upTo[at]}`;
  yield `${name}_bucket{le="+Inf"} ${count}`;
  yield `${name}_sum ${sum}`;
  yield `${name}_count ${count}`;
}

type Gauged = ReadSideStatus & { readonly rowsWrong: number };

const gauges = {
  reprise_projection_lag_seconds: [
    'Age of the oldest event not yet shown.',
    ({ lagSeconds }: ReadSideStatus) => lagSeconds,
  ],
  reprise_projection_lag_events: [
    'Events read from the log and not yet shown.',
    ({ lagEvents }: ReadSideStatus) => lagEvents,
  ],
  reprise_projection_stalled_seconds: [
    'How long it has been behind without showing anything more.',
    ({ stalledSeconds }: ReadSideStatus) => stalledSeconds,
  ],
  reprise_projection_parked_events: [
    'Events kept from the read side since they cannot be read.',
    ({ parkedEvents }: ReadSideStatus) => parkedEvents,
  ],
  reprise_rows_wrong: [
    'Rows that a sample has shown not to be what the log says.',
    ({ rowsWrong }: Gauged) => rowsWrong,
  ],
} as const;

function* gaugeLines(status: Gauged): Generator<string> {
  for (const [name, [help, value]] of Object.entries(gauges)) {
    yield `# HELP ${name} ${help}`;
    yield `# TYPE ${name} gauge`;
    yield `${name} ${value(status)}`;
  }
}
