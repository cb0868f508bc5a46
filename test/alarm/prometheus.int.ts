import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { prometheusRules } from '../../src/alarm/promql.ts';
import { promtool } from '../support/prometheus.ts';
import { type Case, cases, minute } from './support/cases.ts';
import { type Page, startMs } from './support/simulated.ts';

type Pages = Case['fires'];

const labels = 'job="reprise", instance="one:3001"';

/** A series of a page, with the labels that Prometheus adds. */
const named = (series: string): string =>
  series.includes('{') ? series.replace('{', `{${labels}, `) : `${series}{${labels}}`;

/** In promtool, the first moment is 1970. */
const promtoolValue = (series: string, value: number): number =>
  series === 'process_start_time_seconds' ? value - startMs / 1_000 : value;

/** The values of each series, in order. The end of a series is marked, as a scraper does. */
function inputOf(pages: Pages, seconds: number, every: number) {
  const all: Page[] = [];
  for (let at = 0; at <= seconds; at += every) all.push(pages(at) ?? { up: 0 });
  const names = new Set(all.flatMap((page) => Object.keys(page)));
  return [...names].map((series) => ({
    series: named(series),
    values: all
      .map((page, at) => {
        const value = page[series];
        if (value !== undefined) return String(promtoolValue(series, value));
        return all[at - 1]?.[series] === undefined ? '_' : 'stale';
      })
      .join(' '),
  }));
}

/** A test of promtool. @param fires the expected result at the end */
function testOf({ rule, seconds = 10 * minute, every = 5 }: Case, pages: Pages, fires: boolean) {
  const [severity, name] = rule.split(' ');
  const alerts = `ALERTS{alertstate="firing", alertname="${name}", severity="${severity}"}`;
  return {
    interval: `${every}s`,
    input_series: inputOf(pages, seconds, every),
    promql_expr_test: [
      {
        expr: `(count(${alerts}) > bool 0) or vector(0)`,
        eval_time: `${seconds}s`,
        exp_samples: [{ labels: '{}', value: fires ? 1 : 0 }],
      },
    ],
  };
}

/** The rules with a name, as a file that evaluates them every so many seconds. */
function rulesOf(name: string, every: number): string {
  const [head = '', ...all] = prometheusRules().split(/^(?= {6}- alert: )/m);
  const own = all.filter((text) => text.startsWith(`      - alert: ${name}\n`));
  return [head.replace(/interval: \d+s/, `interval: ${every}s`), ...own].join('');
}

describe('Prometheus with ops/prometheus/reprise.rules.yml', function () {
  this.timeout(300_000);
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'reprise-promtool-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  /**
   * @returns what promtool says of cases that have the same `every`. Only the rules that they name
   * are evaluated
   */
  async function tested(some: readonly Case[], fires: (is: boolean) => boolean) {
    const [{ rule = '', every = 5 } = {}] = some;
    const rules = join(directory, 'rules.yml');
    await writeFile(rules, rulesOf(rule.split(' ')[1] ?? '', every));
    const tests = some.flatMap((one) => [
      testOf(one, one.fires, fires(true)),
      ...one.not.map((pages) => testOf(one, pages, fires(false))),
    ]);
    const file = join(directory, 'tests.yml');
    const evaluation_interval = `${every}s`;
    // JSON is also YAML.
    await writeFile(file, JSON.stringify({ rule_files: [rules], evaluation_interval, tests }));
    return promtool('test', 'rules', file);
  }

  for (const one of cases) {
    it(`fires for the same histories as reprise alarm: ${one.rule}`, async function () {
      const found = await tested([one], (is) => is);
      if (found === undefined) return this.skip();
      expect(found.code, found.said).to.equal(0);
    });
  }

  it('would be refused if it did not (negative control)', async function () {
    const found = await tested(cases.slice(0, 1), (is) => !is);
    if (found === undefined) return this.skip();
    expect(found.code, found.said).to.equal(1);
  });
});
