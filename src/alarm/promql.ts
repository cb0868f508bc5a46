import { bucketsOf, type Condition, type Selector, type Value } from './expression.ts';
import { type Rule, rules, runbookOf } from './rules.ts';

/** The job in the rules for Prometheus. ops/prometheus/prometheus.yml scrapes it. */
const job = 'reprise';

/**
 * Every rule as a file of Prometheus: `ops/prometheus/reprise.rules.yml`.
 * @param page with the runbooks, where people read it
 */
export function prometheusRules(page?: string): string {
  return [
    '# Printed by `reprise alarm rules --prometheus`; a test keeps both equal. Change src/alarm/rules.ts.',
    'groups:',
    '  - name: reprise',
    '    interval: 5s',
    '    rules:',
    ...rules.flatMap((rule) => ruleLines(rule, runbookOf(rule, page))),
    '',
  ].join('\n');
}

function ruleLines(rule: Rule, runbook: string): string[] {
  const { name, forSeconds, severity, labels = {}, summary } = rule;
  const allLabels = { severity, ...labels };
  // A JSON string is also a valid YAML string.
  const entries = (of: Readonly<Record<string, string>>) =>
    Object.entries(of).map(([key, value]) => `          ${key}: ${JSON.stringify(value)}`);
  return [
    `      - alert: ${name}`,
    `        expr: ${quoted(promqlOf(rule))}`,
    ...(forSeconds === 0 ? [] : [`        for: ${forSeconds}s`]),
    '        labels:',
    ...entries(allLabels),
    '        annotations:',
    ...entries({ summary: summary.en, summary_ko: summary.ko, runbook_url: runbook }),
  ];
}

/** Quotes like the formatter of this repository. No rule has a single quote. */
const quoted = (text: string): string => (text.includes('"') ? `'${text}'` : `"${text}"`);

/** A rule's condition in PromQL. */
export const promqlOf = ({ when, per }: Pick<Rule, 'when' | 'per'>): string =>
  ofCondition(when, byOf(per));

/** Each value that a rule compares, in PromQL. */
export const promqlOfValues = ({ when, per }: Pick<Rule, 'when' | 'per'>): readonly string[] =>
  valuesIn(when).map((value) => ofValue(value, byOf(per)));

const byOf = (per: Rule['per']): string => (per === 'service' ? '' : ` by (${per})`);

function valuesIn(condition: Condition): readonly Value[] {
  if (condition.kind === 'absent') return [];
  return condition.kind === 'compare' ? [condition.left] : condition.of.flatMap(valuesIn);
}

function ofCondition(condition: Condition, by: string): string {
  // Without the aggregation, the result would have the label `job`, and would match no other part
  // of a condition.
  if (condition.kind === 'absent') return `absent(max (${series(condition.of)}))`;
  if (condition.kind === 'compare') {
    return `${ofValue(condition.left, by)} ${condition.by} ${condition.right}`;
  }
  const word = condition.kind === 'all' ? ' and ' : ' or ';
  return condition.of.map((one) => `(${ofCondition(one, by)})`).join(word);
}

function ofValue(value: Value, by: string): string {
  if (value.kind === 'always') return 'vector(1)';
  if (value.kind === 'latest') return `${value.how}${by} (${series(value.of)})`;
  if (value.kind === 'since') return `time() - max${by} (${series(value.of)})`;
  if (value.kind === 'share') return `${ofValue(value.part, by)} / ${ofValue(value.whole, by)}`;
  const window = `[${value.seconds}s]`;
  if (value.kind === 'increase') return `sum${by} (increase(${series(value.of)}${window}))`;
  const le = by === '' ? ' by (le)' : by.replace(')', ', le)');
  return `histogram_quantile(${value.q}, sum${le} (rate(${series(bucketsOf(value.of))}${window})))`;
}

function series({ metric, labels = {}, matching = {}, notMatching = {} }: Selector): string {
  const matchers = [
    ...[['job', '=', job] as const],
    ...Object.entries(labels).map(([name, value]) => [name, '=', value] as const),
    ...Object.entries(matching).map(([name, value]) => [name, '=~', value] as const),
    ...Object.entries(notMatching).map(([name, value]) => [name, '!~', value] as const),
  ];
  return `${metric}{${matchers.map(([name, by, value]) => `${name}${by}"${value}"`).join(', ')}}`;
}
