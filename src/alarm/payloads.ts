import { type AlertState, tellsOf } from './alerts.ts';

/** Alerts with the same name, which are sent together. */
export interface Group {
  readonly name: string;
  readonly firing: readonly AlertState[];
  readonly resolved: readonly AlertState[];
}

interface Telling {
  readonly nowMs: number;
  /** Of what the alarm watches. */
  readonly url: string;
  /** With the runbooks. */
  readonly page: string;
}

/** Where the reader finds more, in `generatorURL` and `externalURL`. */
const noTime = '0001-01-01T00:00:00Z';

/** The body of Alertmanager's webhook, version 4. */
export function webhookBody(
  { name, firing, resolved }: Group,
  { nowMs, why, url, page }: Telling & { readonly why: string | undefined },
): object {
  const alerts = [
    ...firing.map((state) => ({ status: 'firing', ...told(state, why, page), endsAt: noTime })),
    ...resolved.map((state) => ({
      status: 'resolved',
      ...told(state, undefined, page),
      endsAt: new Date(nowMs).toISOString(),
    })),
  ].map((one) => ({ ...one, generatorURL: url }));
  return {
    version: '4',
    groupKey: `{}:{alertname=${JSON.stringify(name)}}`,
    truncatedAlerts: 0,
    status: firing.length > 0 ? 'firing' : 'resolved',
    receiver: 'reprise',
    groupLabels: { alertname: name },
    commonLabels: common(alerts.map(({ labels }) => labels)),
    commonAnnotations: common(alerts.map(({ annotations }) => annotations)),
    externalURL: url,
    alerts,
  };
}

/**
 * The body of `POST /api/v2/alerts`. An alert ends by itself if the alarm does not send it again.
 */
export function alertmanagerBody(
  { firing, resolved }: Pick<Group, 'firing' | 'resolved'>,
  { nowMs, untilMs, url, page }: Telling & { readonly untilMs: number },
): object[] {
  const one = (state: AlertState, endsMs: number) => {
    const { labels, annotations, startsAt } = told(state, undefined, page);
    const endsAt = new Date(endsMs).toISOString();
    return { labels, annotations, startsAt, endsAt, generatorURL: url };
  };
  return [
    ...firing.map((state) => one(state, untilMs)),
    ...resolved.map((state) => one(state, nowMs)),
  ];
}

function told(state: AlertState, why: string | undefined, page: string) {
  const { summary, runbook } = tellsOf(state, page);
  const description = `The value is ${rounded(state.value)}${why === undefined ? '' : `; ${why}`}.`;
  return {
    labels: state.labels,
    annotations: {
      ...{ summary: summary.en, summary_ko: summary.ko, description, runbook_url: runbook },
    },
    startsAt: new Date(state.activeMs).toISOString(),
    fingerprint: state.fingerprint,
  };
}

const rounded = (value: number): string => String(Number(value.toPrecision(4)));

/** What all of them have in common. */
function common(all: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first = {}, ...others] = all;
  const same = ([name, value]: [string, string]) => others.every((one) => one[name] === value);
  return Object.fromEntries(Object.entries(first).filter(same));
}
