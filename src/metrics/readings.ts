import { Counter, Gauge, type Registry } from 'prom-client';
import type { Readiness } from '../http/readiness.ts';
import { isReady } from '../http/routes/health.ts';
import type { HttpLoad } from '../http/server.ts';
import type { UnfinishedWork } from '../queries/unfinished-work.ts';
import type { CommandNotes } from './command-notes.ts';

/** The values that the service reads at each request for the metrics. */
export interface Readings {
  readonly readiness: Readiness;
  readonly load: HttpLoad;
  /** Undefined while PostgreSQL does not answer. */
  readonly work: UnfinishedWork | undefined;
  readonly notes: CommandNotes;
  /** The file system of DATA_DIR, in bytes; undefined while it is unknown. */
  readonly disk: Disk | undefined;
}

export interface Disk {
  readonly free: number;
  readonly size: number;
}

type Value = (now: Readings) => number | undefined;

const flag = (is: boolean): number => (is ? 1 : 0);

/** The values without labels. An unknown value is exported as NaN. For NaN, no rule is true. */
const gauges: readonly (readonly [name: string, help: string, value: Value])[] = [
  ['ready', '1 while /readyz is 200.', ({ readiness: { state } }) => flag(isReady(state))],
  [
    'projection_live',
    '1 while the read side is live.',
    ofProjection((is) => flag(is.state === 'live')),
  ],
  [
    'projection_building',
    '1 while the service builds read models of a new version.',
    ofProjection((is) => flag(is.state === 'building')),
  ],
  [
    'projection_lag_seconds',
    'Age of the oldest event that the lists do not show yet.',
    ofProjection((is) => is.lagSeconds),
  ],
  [
    'projection_lag_events',
    'Events that were read from the log, but are not in the lists yet.',
    ofProjection((is) => is.lagEvents),
  ],
  [
    'projection_stalled_seconds',
    'Time for which the read side has been behind without progress.',
    ofProjection((is) => is.stalledSeconds),
  ],
  [
    'projection_parked_events',
    'Events that are parked with their streams: the lists do not show them.',
    ofProjection((is) => is.parkedEvents),
  ],
  [
    'queue_waiting',
    'Buyers who wait in the line of the shop, present and absent.',
    ofQueue('waiting'),
  ],
  ['queue_there', 'Waiting buyers of the line of the shop who poll in time.', ofQueue('there')],
  ['queue_admitted', 'Buyers who are admitted from the line of the shop.', ofQueue('admitted')],
  [
    'queue_places',
    'Buyers that may be admitted at the same time.',
    ({ readiness }) => readiness.queue.places,
  ],
  [
    'queue_free_places',
    'Free places of the line of the shop; 0 while nobody can be admitted.',
    ({ readiness }) => freePlacesIn(readiness.queue),
  ],
  [
    'queue_paused',
    '1 while an operator has paused the queue.',
    ({ readiness }) => flag(readiness.queue.isPaused),
  ],
  ['rows_wrong', 'Rows of a sample that differ from the log.', ofProjection((is) => is.rowsWrong)],
  [
    'clock_skew_seconds',
    "How far the machine's clock is ahead of the service's time.",
    ({ readiness }) => readiness.clock.skewSeconds,
  ],
  [
    'clock_agrees',
    '1 while the servers and the machine agree on the time.',
    ({ readiness }) => flag(readiness.clock.state === 'agrees'),
  ],
  ['holds', 'Reservations that are held. An order counts as one.', ({ work }) => work?.holds],
  ['holds_overdue', 'Held reservations whose hold time is over.', ({ work }) => work?.holdsOverdue],
  [
    'holds_overdue_oldest_seconds',
    'Time since the oldest overdue hold should have ended; 0: none.',
    ({ work }) => work?.holdsOverdueOldestSeconds,
  ],
  [
    'payments_open',
    'Payments whose money is held, neither captured nor released.',
    ({ work }) => work?.paymentsOpen,
  ],
  [
    'payments_open_oldest_seconds',
    'Age of the oldest open payment; 0: none.',
    ({ work }) => work?.paymentsOpenOldestSeconds,
  ],
  ['refunds_due', 'Payments whose refund is due.', ({ work }) => work?.refundsDue],
  [
    'refunds_due_oldest_seconds',
    'Time since the oldest refund became due; 0: none.',
    ({ work }) => work?.refundsDueOldestSeconds,
  ],
  [
    'verify_violations',
    'Violations that the last reprise verify found.',
    ({ notes }) => notes.verify?.violations,
  ],
  ['verify_age_seconds', 'Time since the last reprise verify.', ({ notes }) => ageOf(notes.verify)],
  ['disk_free_bytes', 'Free space at DATA_DIR.', ({ disk }) => disk?.free],
  ['disk_size_bytes', 'Size of the file system at DATA_DIR.', ({ disk }) => disk?.size],
  ['seat_streams', 'Open streams of seat changes.', ({ load }) => load.seatStreams],
  ['http_connections', 'Open connections.', ({ load }) => load.connections.open],
  [
    'http_waiting_bytes',
    'Bytes of large lists that slow clients have not read yet.',
    ({ load }) => load.waitingBytes,
  ],
];

type Rooms = NonNullable<Readiness['queue']['rooms']>;

/** The values of the rooms, without the line of the shop. The label is the name of the room. */
const roomGauges: readonly (readonly [string, help: string, of: (now: Rooms[string]) => number])[] =
  [
    ['waiting', 'Buyers who wait in a room, present and absent.', ({ waiting }) => waiting],
    ['there', 'Waiting buyers of a room who poll in time.', ({ there }) => there],
    ['admitted', 'Buyers who are admitted to a room.', ({ admitted }) => admitted],
    [
      'free_places',
      'Free places of a room; 0 while nobody can be admitted.',
      (now) => freePlacesIn(now) ?? 0,
    ],
  ];

/** What the HTTP layer counts itself. */
const counters: readonly (readonly [name: string, help: string, value: Value])[] = [
  [
    'http_idle_closed_total',
    'Idle connections closed to make room for others.',
    ({ load }) => load.connections.closed,
  ],
  [
    'http_dropped_total',
    'Connections refused because no open connection was idle.',
    ({ load }) => load.connections.dropped,
  ],
];

function ofProjection(value: (is: Readiness['projection']) => number): Value {
  return ({ readiness }) => value(readiness.projection);
}

function ofQueue(name: 'waiting' | 'there' | 'admitted'): Value {
  return ({ readiness }) => readiness.queue[name];
}

/** In seconds. */
const ageOf = (note: { readonly at: string } | undefined): number | undefined =>
  note && Math.max(0, (Date.now() - Date.parse(note.at)) / 1_000);

/**
 * The values of the backup. Rules use `mode`: a backup of `follow` must be newer than one of
 * `create`.
 */
function registerBackup(registers: Registry[]): (now: Readings) => void {
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `reprise_${name}`, help, labelNames: ['mode'], registers });
  const age = gauge(
    'backup_age_seconds',
    'Time since the moment at which the backup had all events of the log.',
  );
  const position = gauge('backup_position', 'Position of the last event in the backup.');
  return ({ notes: { backup } }) => {
    age.reset();
    position.reset();
    if (backup === undefined) return;
    const { mode } = backup;
    age.set({ mode }, ageOf(backup) as number);
    if (backup.position !== null) position.set({ mode }, Number(backup.position));
  };
}

/** The rooms by name, without the line of the shop. */
function registerRooms(registers: Registry[]): (now: Readings) => void {
  const read = roomGauges.map(([name, help, of]) => {
    const labelNames = ['room'] as const;
    const gauge = new Gauge({ name: `reprise_queue_room_${name}`, help, labelNames, registers });
    return (rooms: Rooms) => {
      gauge.reset();
      for (const [room, now] of Object.entries(rooms)) gauge.set({ room }, of(now));
    };
  });
  return ({ readiness }) => {
    for (const take of read) take(readiness.queue.rooms ?? {});
  };
}

function freePlacesIn({
  places,
  isPaused,
  opensAtMs = 0,
  admitted,
}: Omit<Readiness['queue'], 'rooms' | 'warnings'>): number | undefined {
  if (isPaused || opensAtMs > Date.now()) return 0;
  return admitted === undefined ? undefined : Math.max(0, places - admitted);
}

/**
 * Registers the values that are read.
 * @returns a function that sets new values
 */
export function registerReadings(registry: Registry): (now: Readings) => void {
  const registers = [registry];
  const read = gauges.map(([name, help, value]) => {
    const gauge = new Gauge({ name: `reprise_${name}`, help, registers });
    return (now: Readings) => gauge.set(value(now) ?? Number.NaN);
  });
  const counted = counters.map(([name, help, value]) => {
    const counter = new Counter({ name: `reprise_${name}`, help, registers });
    return (now: Readings) => {
      counter.reset();
      counter.inc(value(now));
    };
  });
  const dependencies = new Gauge({
    name: 'reprise_dependency_up',
    help: '1 while the dependency answers.',
    labelNames: ['dependency'],
    registers,
  });
  const backup = registerBackup(registers);
  const ofRooms = registerRooms(registers);
  return (now) => {
    for (const take of [...read, ...counted, backup, ofRooms]) take(now);
    for (const [dependency, state] of Object.entries(now.readiness.dependencies)) {
      dependencies.set({ dependency }, flag(state === 'up'));
    }
  };
}
