import { expect } from 'chai';
import { Counter, Gauge, Registry } from 'prom-client';
import { mergePages } from '../../src/metrics/merge-pages.ts';

function pageOf(worker: number): Promise<string> {
  const registry = new Registry();
  registry.setDefaultLabels({ worker });
  const registers = [registry];
  new Counter({ name: 'sold_total', help: 'Seats # sold.', registers }).inc(worker);
  const gauge = new Gauge({ name: 'lag', help: 'Lag.', labelNames: ['of'], registers });
  gauge.set({ of: 'a' }, Number.NaN);
  if (worker === 2) new Gauge({ name: 'leads', help: 'Leads.', registers }).set(1);
  return registry.metrics();
}

describe('one page of the metrics of several workers', () => {
  it('has each metric once, with the values of each worker', async () => {
    expect(mergePages([await pageOf(1), await pageOf(2)])).to.equal(
      [
        '# HELP sold_total Seats # sold.',
        '# TYPE sold_total counter',
        'sold_total{worker="1"} 1',
        'sold_total{worker="2"} 2',
        '# HELP lag Lag.',
        '# TYPE lag gauge',
        'lag{of="a",worker="1"} Nan',
        'lag{of="a",worker="2"} Nan',
        '# HELP leads Leads.',
        '# TYPE leads gauge',
        'leads{worker="2"} 1',
        '',
      ].join('\n'),
    );
  });
});
