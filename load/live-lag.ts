/**
 * Events by the time until they were visible, as GET /metrics counts them since the start of the
 * service.
 */
export interface LagCounts {
  /** An upper bound in seconds, and the number of events within it; the last bound is Infinity. */
  readonly upTo: readonly (readonly [bound: number, count: number])[];
}

/**
 * @param url of the admin listener
 * @returns undefined when the service does not report it
 */
export async function readLag(url: string): Promise<LagCounts | undefined> {
  const answer = await fetch(`${url}/metrics`).catch(() => undefined);
  if (answer?.status !== 200) return undefined;
  const lines = (await answer.text()).matchAll(
    /^reprise_live_lag_seconds_bucket\{le="(.+?)"\} (\d+)$/gm,
  );
  const upTo = [...lines].map(
    ([, bound, count]) => [bound === '+Inf' ? Infinity : Number(bound), Number(count)] as const,
  );
  return { upTo };
}

/** Upper bounds of the quantiles, in milliseconds. */
export interface LiveLag {
  readonly events: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The lag of the events between two readings. */
export function lagBetween(before: LagCounts, after: LagCounts): LiveLag {
  const counts = after.upTo.map(
    ([bound, count], at) => [bound, count - (before.upTo[at]?.[1] ?? 0)] as const,
  );
  const events = counts.at(-1)?.[1] ?? 0;
  const quantile = (share: number) =>
    1_000 * (counts.find(([, count]) => count >= share * events)?.[0] ?? Infinity);
  return { events, p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) };
}

export const describeLag = ({ events, p50, p99, max }: LiveLag): string =>
  `  ${'live lag ms'.padEnd(28)}p50 ≤ ${p50}, p99 ≤ ${p99}, max ≤ ${max} (${events} events)\n`;
