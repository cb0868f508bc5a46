import { parseMetrics, type Sample } from './exposition.ts';

/** The addresses of one watched instance. */
export interface Target {
  /** The address of the API that buyers use. */
  readonly url: string;
  /** Of the admin listener. */
  readonly adminUrl: string;
}

/** Longest wait for each page, in milliseconds. */
export const pollBounds = { livezMs: 2_000, readyzMs: 3_000, metricsMs: 4_000 };

export interface Polled {
  /** `/livez` of the API was 200 in time. */
  readonly isUp: boolean;
  /**
   * The reason in the answer of `/readyz` if it is not 200; undefined if it is 200 or gives no
   * reason.
   */
  readonly why: string | undefined;
  /** The metrics, and `up`, which a scraper adds. Only `up` if there was no page. */
  readonly samples: readonly Sample[];
}

/** The host and port of the admin listener, as Prometheus names an instance. */
export const instanceOf = ({ adminUrl }: Target): string => new URL(adminUrl).host;

/** Asks an instance for its three pages at once. Never throws. */
export async function poll({ url, adminUrl }: Target): Promise<Polled> {
  const [alive, ready, page] = await Promise.all([
    get(`${url}/livez`, pollBounds.livezMs),
    get(`${adminUrl}/readyz`, pollBounds.readyzMs),
    get(`${adminUrl}/metrics`, pollBounds.metricsMs),
  ]);
  const isUp = alive?.status === 200;
  const up = { metric: 'up', labels: {}, key: 'up{}', value: isUp ? 1 : 0 };
  const samples = page?.status === 200 ? parseMetrics(page.text) : [];
  return { isUp, why: whyNot(ready), samples: [up, ...samples] };
}

interface Page {
  readonly status: number;
  readonly text: string;
}

async function get(url: string, withinMs: number): Promise<Page | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(withinMs), redirect: 'error' });
    return { status: answer.status, text: await answer.text() };
  } catch {
    return undefined;
  }
}

function whyNot(ready: Page | undefined): string | undefined {
  if (ready === undefined || ready.status === 200) return undefined;
  try {
    const { detail } = JSON.parse(ready.text) as { detail?: unknown };
    return typeof detail === 'string' ? detail : undefined;
  } catch {
    return undefined;
  }
}
