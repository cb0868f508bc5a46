import { healthy, type Page, traffic } from './simulated.ts';

export const minute = 60;
const hour = 3_600;

/** A healthy service, but for this. */
export const but =
  (odd: (seconds: number) => Page) =>
  (seconds: number): Page => ({ ...healthy(seconds), ...odd(seconds) });
/** A value that is odd from the beginning, or after so many seconds. */
const set = (series: string, value: number, from = 0) =>
  but((seconds) => (seconds >= from ? { [series]: value } : {}));

/** What a service exports over time, and the rule that fires for it. */
export interface Case {
  /** Severity and name. */
  readonly rule: string;
  readonly fires: (seconds: number) => Page | undefined;
  readonly not: readonly ((seconds: number) => Page | undefined)[];
  readonly seconds?: number;
  /** Of simulated rounds, in seconds: long windows need no more. */
  readonly every?: number;
}

const restarts = 'reprise_embedded_restarts_total{server="eventstore"}';
const down = (name: string) => `reprise_dependency_up{dependency="${name}"}`;
export const ofRoom = (name: string) => `reprise_queue_room_${name}{room="gala"}`;
const backup = 'reprise_backup_age_seconds{mode="follow"}';

/** Without the series that are `undefined` then. */
const without = (series: string) => (seconds: number) => {
  const { [series]: _, ...rest } = healthy(seconds);
  return rest;
};

/** At least one for each rule. */
export const cases: readonly Case[] = [
  {
    rule: 'page RepriseDown',
    fires: (seconds) => (seconds < 60 ? healthy(seconds) : undefined),
    // A restart of ten seconds.
    not: [(seconds) => (seconds >= 60 && seconds < 70 ? undefined : healthy(seconds))],
  },
  {
    // Of ten seconds, too: a hang that healed.
    rule: 'ticket RepriseRestarted',
    fires: (seconds) =>
      seconds >= 60 && seconds < 70
        ? undefined
        : { ...healthy(seconds), reprise_unexpected_starts: seconds < 70 ? 0 : 1 },
    // Stopped, and started.
    not: [(seconds) => (seconds >= 60 && seconds < 70 ? undefined : healthy(seconds))],
    seconds: 120,
  },
  {
    rule: 'page RepriseRestarted',
    fires: set('reprise_unexpected_starts', 3, 60),
    not: [set('reprise_unexpected_starts', 2, 60)],
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
