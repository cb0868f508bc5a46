import { z } from 'zod';
import type { ClockStatus } from '../../clock/service-clock.ts';
import { type LagHistogram, lagBounds } from '../../projections/engine/live-lag.ts';
import type { ReadSideStatus } from '../../projections/projector.ts';
import { text } from '../answer.ts';
import { type ApiContext, endpoint } from '../endpoint.ts';

const mediaType = 'text/plain; version=0.0.4; charset=utf-8';

export const metrics = endpoint({
  name: 'metrics',
  method: 'get',
  path: '/metrics',
  summary: 'The metrics of this instance, in the text format of Prometheus.',
  answer: z.string(),
  answerType: 'text/plain',
  problems: [],
  handle: (api) =>
    text(
      mediaType,
      [
        ...liveLagLines(api.liveLag()),
        ...gaugeLines({
          ...api.reads.status(),
          rowsWrong: api.rowsWrong(),
          clock: api.clock(),
        }),
        ...connectionLines(api),
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

type Gauged = ReadSideStatus & { readonly rowsWrong: number; readonly clock: ClockStatus };

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
  reprise_clock_skew_seconds: [
    'How far the clock of this machine is ahead of the time that the service goes by.',
    ({ clock }: Gauged) => clock.skewSeconds,
  ],
  reprise_clock_agrees: [
    '1 while the servers agree on the time that the service goes by, else 0.',
    ({ clock }: Gauged) => (clock.state === 'agrees' ? 1 : 0),
  ],
} as const;

function* gaugeLines(status: Gauged): Generator<string> {
  for (const [name, [help, value]] of Object.entries(gauges)) {
    yield `# HELP ${name} ${help}`;
    yield `# TYPE ${name} gauge`;
    yield `${name} ${value(status)}`;
  }
}

function* connectionLines({
  connections,
  outbox,
}: Pick<ApiContext, 'connections' | 'outbox'>): Generator<string> {
  const { open, closed, dropped } = connections.counts();
  const lines = [
    ['reprise_http_connections', 'gauge', 'Open connections.', open],
    ['reprise_http_idle_closed_total', 'counter', 'Idle ones closed to let others in.', closed],
    ['reprise_http_dropped_total', 'counter', 'Connections dropped, as none was idle.', dropped],
    ['reprise_http_waiting_bytes', 'gauge', 'Of large lists, not read yet.', outbox.waitingBytes],
  ] as const;
  for (const [name, type, help, value] of lines) {
    yield `# HELP ${name} ${help}`;
    yield `# TYPE ${name} ${type}`;
    yield `${name} ${value}`;
  }
}
