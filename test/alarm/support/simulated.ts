import { Alerts } from '../../../src/alarm/alerts.ts';
import { History } from '../../../src/alarm/counted-totals.ts';
import { byMetric, parseMetrics } from '../../../src/alarm/exposition.ts';
import { selectorsOf } from '../../../src/alarm/expression.ts';
import { rules } from '../../../src/alarm/rules.ts';

/** Series by name and labels, as a page of metrics has them. */
export type Page = Readonly<Record<string, number>>;

export const startMs = Date.UTC(2026, 0, 1);

/** What a service exports while all is well, after so many seconds. */
export const healthy = (seconds: number): Page => ({
  up: 1,
  reprise_ready: 1,
  reprise_unexpected_starts: 0,
  reprise_projection_building: 0,
  'reprise_dependency_up{dependency="eventStore"}': 1,
  'reprise_dependency_up{dependency="postgres"}': 1,
  'reprise_dependency_up{dependency="queue"}': 1,
  ...traffic({ served: 50 * seconds, seconds: 0.05 }),
  reprise_projection_stalled_seconds: 0,
  reprise_projection_lag_seconds: 0.02,
  reprise_projection_parked_events: 0,
  reprise_rows_wrong: 0,
  reprise_queue_there: 10,
  reprise_queue_free_places: 1,
  reprise_queue_admissions_total: 2 * seconds,
  'reprise_queue_room_there{room="gala"}': 10,
  'reprise_queue_room_free_places{room="gala"}': 1,
  'reprise_queue_room_admissions_total{room="gala"}': seconds,
  'reprise_queue_room_there{room="club"}': 10,
  'reprise_queue_room_free_places{room="club"}': 1,
  'reprise_queue_room_admissions_total{room="club"}': seconds,
  reprise_payments_open_oldest_seconds: 0.3,
  reprise_refunds_due_oldest_seconds: 0,
  reprise_holds_overdue_oldest_seconds: 0,
  'reprise_embedded_restarts_total{server="eventstore"}': 0,
  'reprise_embedded_restarts_total{server="postgres"}': 1,
  reprise_verify_violations: 0,
  'reprise_backup_age_seconds{mode="follow"}': 5,
  reprise_disk_free_bytes: 50e9,
  reprise_disk_size_bytes: 100e9,
  'reprise_build_info{version="1.0.0"}': 1,
  process_start_time_seconds: startMs / 1_000,
});

/** Requests so far: those that were served took so long; owed refusals and failures beside them. */
export function traffic(all: {
  readonly served: number;
  readonly seconds?: number;
  readonly failed?: number;
  readonly refused?: number;
}): Page {
  const { served, seconds = 0.05, failed = 0, refused = 0 } = all;
  const requests = (call: string, status: number) =>
    `reprise_http_requests_total{call="${call}",status="${status}"}`;
  const bucket = (le: string) =>
    `reprise_http_request_duration_seconds_bucket{le="${le}",call="reserveSeat"}`;
  const buckets = ['0.1', '0.3', '0.5', '1', '+Inf'].map((le) => [
    ...([bucket(le), le === '+Inf' || Number(le) >= seconds ? served : 0] as const),
  ]);
  return {
    [requests('reserveSeat', 200)]: served,
    [requests('reserveSeat', 503)]: failed,
    [requests('reserveSeat', 409)]: refused,
    // A balancer that asks an instance which is not ready.
    [requests('readyz', 503)]: 10 * served,
    ...Object.fromEntries(buckets),
  };
}

/**
 * Rounds of the alarm over simulated time.
 * @param pages what an instance exports after so many seconds; undefined: nothing but `up` 0
 * @returns the names of the rules that ring at the end, with their severity: `page RepriseDown`
 */
export function ringing(
  pages: (seconds: number) => Page | undefined,
  { seconds, every = 5 }: { readonly seconds: number; readonly every?: number },
): readonly string[] {
  const windows = rules.flatMap(({ when }) => selectorsOf(when));
  const history = new History(windows);
  const alerts = new Alerts();
  for (let at = 0; at <= seconds; at += every) {
    const page = pages(at) ?? { up: 0 };
    const text = Object.entries(page).map(([series, value]) => `${series} ${value}`);
    const read = parseMetrics(text.join('\n'));
    const samples = byMetric(read);
    const nowMs = startMs + at * 1_000;
    if (read.length > 1) history.take(samples, nowMs);
    const known = [{ instance: 'one:3001', samples, history }];
    alerts.round({ off: new Set(['Watchdog']), known }, nowMs);
  }
  return alerts.firing.map(({ rule, labels }) => `${labels.severity} ${rule}`);
}
