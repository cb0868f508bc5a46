/**
 * The report of a run of `journey.ts`, which k6 calls at the end: a table for people, and figures
 * as JSON.
 */

declare const __ENV: Readonly<Record<string, string | undefined>>;

export const stepNames = ['queue', 'sessions', 'seats', 'reserve', 'pay', 'balance'] as const;
export type StepName = (typeof stepNames)[number];

/**
 * The data that k6 passes at the end: the values of each metric, and whether each threshold was
 * kept.
 */
interface Summary {
  readonly state: { readonly testRunDurationMs: number };
  readonly metrics: Readonly<
    Record<
      string,
      | {
          readonly values: Readonly<Record<string, number>>;
          readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
        }
      | undefined
    >
  >;
}

export function handleSummary(data: Summary): Record<string, string> {
  const seconds = data.state.testRunDurationMs / 1_000;
  const value = (metric: string, name: string): number => data.metrics[metric]?.values[name] ?? 0;
  const limits = Object.entries(data.metrics).flatMap(([metric, found]) =>
    Object.entries(found?.thresholds ?? {}).map(([limit, { ok }]) => ({
      limit: `${metric} ${limit}`,
      ok,
    })),
  );
  const figures = {
    seconds,
    journeysCompleted: value('journeys_completed', 'count'),
    journeysPerSecond: value('journeys_completed', 'count') / seconds,
    requests: value('http_reqs', 'count'),
    // k6 counts failed requests as `passes` of this rate.
    failedRequests: value('http_req_failed', 'passes'),
    checksFailed: value('checks', 'fails'),
    lostRaces: value('lost_races', 'count'),
    soldOut: value('sold_out', 'count'),
    queueWaits: value('queue_waits', 'count'),
    requestMs: data.metrics.http_req_duration?.values ?? {},
    stepMs: Object.fromEntries(
      stepNames.flatMap((name) => {
        const values = data.metrics[`step_${name}`]?.values;
        return values === undefined ? [] : [[name, values]];
      }),
    ),
    limits,
  };
  const file = __ENV.RESULT_FILE;
  const result = `${JSON.stringify(figures, null, 2)}\n`;
  return { stdout: table(figures), ...(file ? { [file]: result } : {}) };
}

interface Figures {
  readonly seconds: number;
  readonly journeysCompleted: number;
  readonly journeysPerSecond: number;
  readonly requests: number;
  readonly failedRequests: number;
  readonly lostRaces: number;
  readonly soldOut: number;
  readonly queueWaits: number;
  readonly requestMs: Readonly<Record<string, number>>;
  readonly stepMs: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly limits: readonly { readonly limit: string; readonly ok: boolean }[];
}

function table(figures: Figures): string {
  const ms = (values: Readonly<Record<string, number>>): string =>
    ['avg', 'p(95)', 'max'].map((name) => `${name} ${values[name]?.toFixed(0)}`).join(', ');
  const rows: [string, string][] = [
    [
      'journeys completed',
      `${figures.journeysCompleted} in ${figures.seconds.toFixed(1)} s: ${figures.journeysPerSecond.toFixed(1)}/s`,
    ],
    ['requests', `${figures.requests}, of which failed ${figures.failedRequests}`],
    ['lost races for a seat', `${figures.lostRaces}`],
    ['sold out, waits', `${figures.soldOut}, ${figures.queueWaits}`],
    ['request ms', ms(figures.requestMs)],
    ...Object.entries(figures.stepMs).map(([name, values]): [string, string] => [
      `  ${name} ms`,
      ms(values),
    ]),
    ...figures.limits.map(({ limit, ok }): [string, string] => [limit, ok ? 'kept' : 'MISSED']),
  ];
  return `\n${rows.map(([name, text]) => `  ${name.padEnd(28)}${text}`).join('\n')}\n\n`;
}
