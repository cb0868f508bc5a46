import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { prometheusRules } from '../../src/alarm/promql.ts';
import { rules } from '../../src/alarm/rules.ts';
import { promtool } from '../support/prometheus.ts';

describe('ops/prometheus/reprise.rules.yml', () => {
  const path = 'ops/prometheus/reprise.rules.yml';

  it('is what reprise alarm rules --prometheus prints', () => {
    expect(readFileSync(path, 'utf8')).to.equal(prometheusRules());
  });

  it('links to the runbooks where people read them', () => {
    const text = prometheusRules('https://wiki.example/operations');
    expect(text).to.include('runbook_url: "https://wiki.example/operations#queuestuck"');
    expect(text).not.to.include('docs/operations.md');
  });

  it('is loaded by ops/prometheus/prometheus.yml and mounted by docker-compose.yml', () => {
    expect(readFileSync('ops/prometheus/prometheus.yml', 'utf8')).to.include('reprise.rules.yml');
    expect(readFileSync('docker-compose.yml', 'utf8')).to.include(path);
  });

  it('passes promtool check rules', function () {
    const found = promtool('check', 'rules', '--lint=all', '--lint-fatal', path);
    if (found === undefined) return this.skip();
    expect(found.said).to.match(new RegExp(`SUCCESS: ${rules.length} rules found`));
    expect(found.code, found.said).to.equal(0);
  });

  it('and ops/prometheus/prometheus.yml, which loads it, pass promtool check config', function () {
    const found = promtool('check', 'config', 'ops/prometheus/prometheus.yml');
    if (found === undefined) return this.skip();
    expect(found.said)
      .to.match(/SUCCESS: 1 rule files found/)
      .and.include('is valid prometheus');
    expect(found.code, found.said).to.equal(0);
  });
});
