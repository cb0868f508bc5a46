/**
 * One page of several pages in the text format of Prometheus. The page has each metric once, with
 * the values of all pages. The pages must differ in a label of each value.
 */
export function mergePages(pages: readonly string[]): string {
  /** By name: the lines about the metric, and its values. */
  const metrics = new Map<string, { about: Set<string>; values: string[] }>();
  for (const page of pages) {
    let metric = { about: new Set<string>(), values: [] as string[] };
    for (const line of page.split('\n')) {
      const name = /^# (?:HELP|TYPE) (\S+)/.exec(line)?.[1];
      if (name !== undefined) {
        metric = metrics.get(name) ?? { about: new Set(), values: [] };
        metrics.set(name, metric);
        metric.about.add(line);
      } else if (line !== '') metric.values.push(line);
    }
  }
  const lines = [...metrics.values()].flatMap(({ about, values }) => [...about, ...values]);
  return `${lines.join('\n')}\n`;
}
