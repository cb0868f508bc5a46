import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { rules, runbookOf } from '../../src/alarm/rules.ts';
import { readTable } from '../metrics/support/table.ts';
import { but, cases, minute, ofRoom } from './support/cases.ts';
import { healthy, ringing } from './support/simulated.ts';

describe('the rules of the alarm', function () {
  this.timeout(120_000);

  it('are silent for a service that is well', () => {
    expect(ringing(healthy, { seconds: 15 * minute })).to.deep.equal([]);
  });

  for (const { rule, fires, not, seconds = 10 * minute, every = 5 } of cases) {
    it(`${rule} rings when it is to`, () => {
      const rang = ringing(fires, { seconds, every });
      expect(rang).to.include(rule);
    });

    for (const [index, series] of not.entries()) {
      it(`${rule} does not ring for what is close to it (${index + 1})`, () => {
        expect(ringing(series, { seconds, every })).not.to.include(rule);
      });
    }
  }

  it('have a case each', () => {
    const named = rules.filter(({ severity }) => severity !== 'none');
    const wanted = new Set(named.map(({ severity, name }) => `${severity} ${name}`));
    expect(new Set(cases.map(({ rule }) => rule))).to.deep.equal(wanted);
  });

  it('keep that a room is stuck while no instance says which rooms there are', () => {
    const stuck = but((s) => ({ [ofRoom('admissions_total')]: Math.min(s, 60) }));
    const rang = ringing((s) => (s < 300 ? stuck(s) : undefined), { seconds: 400 });
    expect(rang).to.include('page QueueStuck');
  });

  it('forget a room that there is not any more', () => {
    const stuck = but((s) => ({ [ofRoom('admissions_total')]: Math.min(s, 60) }));
    const gone = (s: number) =>
      Object.fromEntries(Object.entries(healthy(s)).filter(([name]) => !name.includes('gala')));
    const rang = ringing((s) => (s < 300 ? stuck(s) : gone(s)), { seconds: 400 });
    expect(rang).not.to.include('page QueueStuck');
  });

  it('keep what they said while nothing is known', () => {
    const stuck = but(() => ({ reprise_payments_open_oldest_seconds: 100 }));
    const rang = ringing((s) => (s < 60 ? stuck(s) : undefined), { seconds: 300 });
    expect(rang).to.have.members(['page MoneyStuck', 'page RepriseDown', 'ticket MetricsMissing']);
  });

  it('ask for metrics that docs/metrics.md has', () => {
    const asked = JSON.stringify(rules).match(/"metric":"[a-z_]+"/g) ?? [];
    const names = new Set(asked.map((text) => text.slice('"metric":"'.length, -1)));
    names.delete('up');
    const known = new Set(readTable().map(({ name }) => name));
    expect([...names].filter((name) => !known.has(name))).to.deep.equal([]);
    expect(names.size).to.be.greaterThan(20);
  });

  it('have a section each in docs/operations.md, with what to do', () => {
    const text = readFileSync('docs/operations.md', 'utf8');
    for (const rule of rules) {
      const [, anchor] = runbookOf(rule).split('#');
      expect(anchor).to.equal(rule.name.toLowerCase());
      const [, section = ''] = text.split(new RegExp(`^## ${rule.name}$`, 'm'));
      const body = section.split(/^## /m)[0];
      for (const part of ['Means', 'First look', 'Type', 'Escalate']) {
        expect(body, rule.name).to.include(`**${part}`);
      }
    }
  });
});
