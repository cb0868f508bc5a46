import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { rules, runbookOf } from '../../src/alarm/rules.ts';
import { readTable } from '../metrics/support/table.ts';
import { healthy, type Page, ringing, traffic } from './support/simulated.ts';

const minute = 60;
const hour = 3_600;

/** A healthy service, but for this. */
const but =
  (odd: (seconds: number) => Page) =>
  (seconds: number): Page => ({ ...healthy(seconds), ...odd(seconds) });
/** A value that is odd from the beginning, or after so many seconds. */
const set = (series: string, value: number, from = 0) =>
  but((seconds) => (seconds >= from ? { [series]: value } : {}));

interface Case {
  readonly rule: string;
  readonly fires: (seconds: number) => Page | undefined;
  readonly not: readonly ((seconds: number) => Page | undefined)[];
  readonly seconds?: number;
  /** Of simulated rounds, in seconds: long windows need no more. */
  readonly every?: number;
}

const restarts = 'reprise_embedded_restarts_total{server="eventstore"}';
const down = (name: string) => `reprise_dependency_up{dependency="${name}"}`;
const ofRoom = (name: string) => `reprise_queue_room_${name}{room="gala"}`;
const backup = 'reprise_backup_age_seconds{mode="follow"}';

/** Without the series that are `undefined` then. */
const without = (series: string) => (seconds: number) => {
  const { [series]: _, ...rest } = healthy(seconds);
  return rest;
};

const cases: readonly Case[] = [
  {
    rule: 'page RepriseDown',
    fires: (seconds) => (seconds < 60 ? healthy(seconds) : undefined),
    // A restart of ten seconds.
    not: [(seconds) => (seconds >= 60 && seconds < 70 ? undefined : healthy(seconds))],
  },
  {
    rule: 'page RepriseNotReady',
    fires: set('reprise_ready', 0, 60),
    not: [
      but(() => ({ reprise_ready: 0, reprise_projection_building: 1 })),
      but((seconds) => (seconds > 60 && seconds < 110 ? { reprise_ready: 0 } : {})),
    ],
  },
  ...(
    [
      ['EventStoreDown', 'eventStore', 'postgres'],
      ['PostgresDown', 'postgres', 'queue'],
      ['QueueDown', 'queue', 'eventStore'],
    ] as const
  ).map(
    ([name, own, other]): Case => ({
      rule: `page ${name}`,
      fires: set(down(own), 0, 30),
      not: [set(down(other), 0), but((seconds) => (seconds % 20 < 10 ? { [down(own)]: 0 } : {}))],
    }),
  ),
  {
    rule: 'page SaleFailing',
    fires: but((s) => traffic({ served: 50 * s, failed: 2 * s })),
    not: [
      but((s) => traffic({ served: 50 * s, failed: 0.5 * s })),
      // Half of a hundred requests in two minutes: too few to wake somebody for.
      but((s) => traffic({ served: 0.4 * s, failed: 0.4 * s })),
      // Every seat is taken, and nothing is wrong.
      but((s) => traffic({ served: s, refused: 500 * s })),
    ],
  },
  {
    rule: 'page ErrorBudgetBurn',
    fires: but((s) => traffic({ served: 10 * s, failed: s / 5 })),
    not: [
      but((s) => traffic({ served: 10 * s, failed: s / 500 })),
      // It is over: the short window has none.
      but((s) => traffic({ served: 10 * s, failed: Math.min(s, 600) })),
      // Three failures in a quiet night.
      but((s) => traffic({ served: s / 60, failed: Math.floor(s / 1_200) })),
    ],
    seconds: hour,
    every: 15,
  },
  {
    rule: 'ticket ErrorBudgetBurn',
    fires: but((s) => traffic({ served: 10 * s, failed: s / 25 })),
    not: [but((s) => traffic({ served: 10 * s, failed: s / 500 }))],
    seconds: 24 * hour,
    every: 60,
  },
  {
    rule: 'ticket SlowSale',
    fires: but((s) => traffic({ served: 10 * s, seconds: 0.4 })),
    not: [
      but((s) => traffic({ served: 10 * s, seconds: 0.2 })),
      but((s) => traffic({ served: s / 5, seconds: 0.4 })),
    ],
  },
  {
    rule: 'page ReadSideStalled',
    fires: but((s) => ({ reprise_projection_stalled_seconds: s })),
    not: [set('reprise_projection_stalled_seconds', 29)],
  },
  {
    rule: 'ticket ReadSideBehind',
    fires: set('reprise_projection_lag_seconds', 6, 60),
    not: [
      set('reprise_projection_lag_seconds', 4.9),
      but((s) => (s < 100 ? { reprise_projection_lag_seconds: 60 } : {})),
    ],
  },
  {
    rule: 'ticket EventsParked',
    fires: set('reprise_projection_parked_events', 1),
    not: [set('reprise_projection_parked_events', 0)],
  },
  {
    rule: 'ticket RowsWrong',
    fires: set('reprise_rows_wrong', 1),
    not: [but((s) => (s < 30 ? { reprise_rows_wrong: 1 } : {}))],
  },
  {
    rule: 'page QueueStuck',
    fires: but((s) => ({ reprise_queue_admissions_total: 2 * Math.min(s, 60) })),
    not: [
      // One a minute is slow, and moves.
      but((s) => ({ reprise_queue_admissions_total: Math.floor(s / 60) })),
      // Full, paused, and empty.
      but(() => ({ reprise_queue_admissions_total: 5, reprise_queue_free_places: 0 })),
      but(() => ({ reprise_queue_admissions_total: 5, reprise_queue_there: 0 })),
    ],
  },
  {
    // Another room and the line of the shop go on.
    rule: 'page QueueStuck',
    fires: but((s) => ({ [ofRoom('admissions_total')]: Math.min(s, 60) })),
    not: [
      but((s) => ({ [ofRoom('admissions_total')]: Math.floor(s / 60) })),
      but(() => ({ [ofRoom('admissions_total')]: 5, [ofRoom('free_places')]: 0 })),
      but(() => ({ [ofRoom('admissions_total')]: 5, [ofRoom('there')]: 0 })),
    ],
  },
  {
    rule: 'page MoneyStuck',
    fires: set('reprise_payments_open_oldest_seconds', 61),
    not: [
      set('reprise_payments_open_oldest_seconds', 59),
      set('reprise_refunds_due_oldest_seconds', 299),
      // PostgreSQL does not tell.
      set('reprise_payments_open_oldest_seconds', Number.NaN),
    ],
  },
  {
    rule: 'page MoneyStuck',
    fires: set('reprise_refunds_due_oldest_seconds', 301),
    not: [],
  },
  {
    rule: 'ticket HoldsOverdue',
    fires: set('reprise_holds_overdue_oldest_seconds', 11),
    not: [set('reprise_holds_overdue_oldest_seconds', 9)],
  },
  {
    rule: 'page RestartLoop',
    fires: but((s) => ({ [restarts]: Math.floor(s / 100) })),
    not: [but((s) => ({ [restarts]: Math.min(2, Math.floor(s / 100)) }))],
  },
  {
    rule: 'page ProofFailed',
    fires: set('reprise_verify_violations', 1),
    not: [set('reprise_verify_violations', Number.NaN)],
  },
  {
    rule: 'page BackupOld',
    fires: set(backup, 901),
    not: [
      set(backup, 899),
      // One of each night.
      but(() => ({ [backup]: Number.NaN, 'reprise_backup_age_seconds{mode="create"}': 23 * hour })),
    ],
  },
  {
    rule: 'ticket BackupOld',
    fires: but(() => ({ 'reprise_backup_age_seconds{mode="create"}': 26 * hour })),
    not: [but(() => ({ 'reprise_backup_age_seconds{mode="create"}': 24 * hour }))],
  },
  {
    rule: 'ticket BackupMissing',
    fires: without(backup),
    not: [(seconds) => (seconds > 24 * hour ? healthy(seconds) : without(backup)(seconds))],
    seconds: 26 * hour,
    every: 60,
  },
  {
    rule: 'page DiskLow',
    fires: set('reprise_disk_free_bytes', 9e9),
    not: [set('reprise_disk_free_bytes', 11e9), set('reprise_disk_free_bytes', Number.NaN)],
  },
  {
    rule: 'page DiskLow',
    fires: but(() => ({ reprise_disk_free_bytes: 1e9, reprise_disk_size_bytes: 5e9 })),
    not: [],
  },
  {
    rule: 'ticket MetricsMissing',
    fires: (seconds) => (seconds < 60 ? healthy(seconds) : { up: 1 }),
    not: [(seconds) => (seconds > 60 && seconds < 150 ? { up: 1 } : healthy(seconds))],
  },
];

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
