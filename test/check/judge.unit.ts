import { expect } from 'chai';
import { parseMetrics } from '../../src/alarm/exposition.ts';
import { checkConcert } from '../../src/check/concert.ts';
import { type Check, exitCodeOf, judgeService, type Outcome } from '../../src/check/judge.ts';
import { parseCatalog } from '../../src/commands/concert/catalog-file.ts';
import { CatalogFileError } from '../../src/commands/concert/catalog-file-error.ts';
import { checkRoom } from '../../src/events/check-concert.ts';

const well = {
  reprise_ready: '1',
  'reprise_dependency_up{dependency="eventStore"}': '1',
  'reprise_dependency_up{dependency="postgres"}': '1',
  reprise_projection_lag_seconds: '0.02',
  reprise_projection_parked_events: '0',
  reprise_holds_overdue_oldest_seconds: '0',
  reprise_payments_open_oldest_seconds: '0',
  reprise_queue_paused: '0',
  reprise_queue_waiting: '3',
};

/** The outcomes that are not ok, by the name of the line. */
function judged(other: Readonly<Record<string, string>> = {}, why?: string) {
  const page = Object.entries({ ...well, ...other }).map(([series, value]) => `${series} ${value}`);
  const checks = judgeService({ isUp: true, why, samples: parseMetrics(page.join('\n')) });
  return Object.fromEntries(
    checks.filter(({ outcome }) => outcome !== 'ok').map(({ name, outcome }) => [name, outcome]),
  );
}

describe('the lines of reprise check', () => {
  it('are all ok for a service that works', () => {
    expect(judged()).to.deep.equal({});
  });

  const lag = 'reprise_projection_lag_seconds';
  const holds = 'reprise_holds_overdue_oldest_seconds';
  const payments = 'reprise_payments_open_oldest_seconds';
  for (const [series, fine, wrong, name] of [
    [lag, '0.999', '1', 'read side'],
    [holds, '5', '5.001', 'holds'],
    [payments, '10', '10.001', 'payments'],
    ['reprise_projection_parked_events', '0', '1', 'read side'],
    ['reprise_dependency_up{dependency="postgres"}', '1', '0', 'ready'],
    ['reprise_ready', '1', '0', 'ready'],
  ] as const) {
    it(`${name} is ok with ${series} ${fine}, and failed with ${wrong}`, () => {
      expect(judged({ [series]: fine })).to.deep.equal({});
      expect(judged({ [series]: wrong })).to.deep.equal({ [name]: 'failed' });
    });
  }

  it('judge the worst of several workers', () => {
    const ofWorkers = (...pages: readonly Readonly<Record<string, string>>[]) => {
      const lines = pages.flatMap((page, n) =>
        Object.entries(page).map(([series, value]) =>
          series.includes('{')
            ? `${series.replace('{', `{worker="${n}",`)} ${value}`
            : `${series}{worker="${n}"} ${value}`,
        ),
      );
      const samples = parseMetrics(lines.join('\n'));
      const checks = judgeService({ isUp: true, why: undefined, samples });
      return checks.filter(({ outcome }) => outcome !== 'ok').map(({ name }) => name);
    };
    expect(ofWorkers(well, well)).to.deep.equal([]);
    expect(ofWorkers(well, { ...well, [lag]: '3' })).to.deep.equal(['read side']);
    expect(ofWorkers(well, { ...well, reprise_ready: '0' })).to.deep.equal(['ready']);
  });

  it('are unknown without a value, and never ok', () => {
    for (const [series, name] of [
      [lag, 'read side'],
      [holds, 'holds'],
      [payments, 'payments'],
      ['reprise_ready', 'ready'],
      ['reprise_queue_paused', 'queue'],
    ] as const) {
      expect(judged({ [series]: 'NaN' }), series).to.deep.equal({ [name]: 'unknown' });
    }
  });

  it('say why it is not ready, and skip the queue that an operator paused', () => {
    expect(judged({}, 'eventStore is down')).to.deep.equal({ ready: 'failed' });
    expect(judged({ reprise_queue_paused: '1' })).to.deep.equal({ queue: 'skipped' });
  });

  it('are one line, failed, while nothing answers', () => {
    const checks = judgeService({ isUp: false, why: undefined, samples: [] });
    expect(checks.map(({ name, outcome }) => `${name} ${outcome}`)).to.deep.equal(['alive failed']);
  });
});

describe('the exit code of reprise check', () => {
  const code = (...outcomes: readonly Outcome[]) =>
    exitCodeOf(outcomes.map((outcome): Check => ({ name: outcome, outcome, detail: '' })));

  it('is 0 for ok and skipped, 2 for unknown, and 1 as soon as anything failed', () => {
    expect(code('ok', 'skipped')).to.equal(0);
    expect(code('ok', 'unknown', 'skipped')).to.equal(2);
    expect(code('unknown', 'failed', 'ok')).to.equal(1);
  });
});

describe('the concert of reprise check', () => {
  const [session] = checkConcert.sessions;
  const { sections, ...times } = session ?? { sections: [] };
  /** As a catalog file would have it, with other names. */
  const file = (names: Readonly<Record<string, string>>) =>
    JSON.stringify({
      concerts: [{ ...checkConcert, ...names, sessions: [{ ...times, seatMap: sections }] }],
    });

  it('is one that an import would take', () => {
    const [read] = parseCatalog(file({ concertId: 'other', waitingRoom: 'other' }));
    expect(read?.sessions).to.deep.equal(checkConcert.sessions);
  });

  it('has an id and a room that no file may use', () => {
    for (const names of [
      { concertId: 'other', waitingRoom: checkRoom },
      { waitingRoom: 'other' },
    ]) {
      expect(() => parseCatalog(file(names)))
        .to.throw(CatalogFileError)
        .with.property('message')
        .that.matches(/concerts\.0\.(concertId|waitingRoom): is reserved for reprise check/);
    }
  });
});
