import {
  all,
  any,
  type Condition,
  compare,
  increase,
  latest,
  type Selector,
  share,
  type Value,
} from './expression.ts';

export interface Rule {
  readonly name: string;
  /** One alert for each instance, one for all together, or one for each room of the queue. */
  readonly per: 'instance' | 'service' | 'room';
  readonly when: Condition;
  /** The condition must be true for so long, in seconds. */
  readonly forSeconds: number;
  /** `page` wakes somebody; `ticket` waits for the next working day; `none` is the dead-man's. */
  readonly severity: 'page' | 'ticket' | 'none';
  /** Alerts of one rule name differ in these. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary: { readonly en: string; readonly ko: string };
}

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

const metric = (name: string, more: Omit<Selector, 'metric'> = {}): Selector => ({
  metric: `reprise_${name}`,
  ...more,
});
const max = (name: string, more?: Omit<Selector, 'metric'>): Value =>
  latest('max', metric(name, more));

/** Of buyers. Probes and paths that there are not say nothing about the sale. */
const ofBuyers = { notMatching: { call: 'livez|readyz|none' } } as const;
const requests = metric('http_requests_total', ofBuyers);
/**
 * Of these, those that were not served: 5xx alone. Refusals that are owed (seat taken, balance too
 * small, not admitted) are 4xx. A full queue and too many commands are 503, and count.
 */
const failures = metric('http_requests_total', { ...ofBuyers, matching: { status: '5..' } });

/** Of 1,000 requests one may fail. */
const budget = 0.001;
/** A few failures in a quiet hour are a large share, and no reason to wake anybody. */
const failuresMin = 10;

/** The budget is used up so many times too fast, in a long window and still in a short one. */
function burning(times: number, longSeconds: number, shortSeconds: number): Condition {
  const share5xx = (seconds: number) =>
    compare(share(increase(failures, seconds), increase(requests, seconds)), '>', times * budget);
  return all(
    share5xx(longSeconds),
    share5xx(shortSeconds),
    compare(increase(failures, shortSeconds), '>=', failuresMin),
  );
}

/** With the window, two minutes without an admission. */
const queueStuck = (per: Rule['per'], of: string, summary: Rule['summary']): Rule => ({
  ...{ name: 'QueueStuck', per, forSeconds: 90, severity: 'page', summary },
  // Two rules of Prometheus with the same name must differ in a label.
  ...(per === 'room' ? { labels: { line: 'room' } } : {}),
  when: all(
    compare(max(`${of}_there`), '>', 0),
    compare(max(`${of}_free_places`), '>', 0),
    compare(increase(metric(`${of}_admissions_total`), 30), '==', 0),
  ),
});

const dependencies = [
  [
    'EventStoreDown',
    'eventStore',
    'The event store does not answer.',
    '판매 기록 저장소가 응답하지 않습니다.',
  ],
  [
    'PostgresDown',
    'postgres',
    'PostgreSQL does not answer.',
    '목록 데이터베이스가 응답하지 않습니다.',
  ],
  ['QueueDown', 'queue', 'The waiting queue does not answer.', '대기열이 응답하지 않습니다.'],
] as const;

/** Every alarm, in the order of docs/operations.md. */
export const rules: readonly Rule[] = [
  {
    ...{ name: 'RepriseDown', per: 'instance', forSeconds: 15, severity: 'page' },
    when: compare(latest('max', { metric: 'up' }), '==', 0),
    summary: { en: 'The service does not answer.', ko: '서비스가 응답하지 않습니다.' },
  },
  ...(
    [
      ['ticket', '>', 0],
      ['page', '>=', 3],
    ] as const
  ).map(
    ([severity, by, count]): Rule => ({
      ...{ name: 'RepriseRestarted', per: 'instance', forSeconds: 0, severity },
      when: compare(max('unexpected_starts'), by, count),
      summary:
        severity === 'page'
          ? {
              en: 'The service keeps ending without a stop.',
              ko: '서비스가 반복해서 비정상 종료됩니다.',
            }
          : {
              en: 'The service ended without a stop, and started again.',
              ko: '서비스가 비정상 종료된 뒤 다시 시작되었습니다.',
            },
    }),
  ),
  {
    ...{ name: 'RepriseNotReady', per: 'instance', forSeconds: minute, severity: 'page' },
    when: all(compare(max('ready'), '==', 0), compare(max('projection_building'), '==', 0)),
    summary: { en: 'The service cannot sell.', ko: '서비스가 판매할 수 없는 상태입니다.' },
  },
  ...dependencies.map(
    ([name, dependency, en, ko]): Rule => ({
      ...{ name, per: 'instance', forSeconds: 15, severity: 'page' },
      when: compare(latest('min', metric('dependency_up', { labels: { dependency } })), '==', 0),
      summary: { en, ko },
    }),
  ),
  {
    ...{ name: 'SaleFailing', per: 'service', forSeconds: 0, severity: 'page' },
    when: all(
      compare(share(increase(failures, 2 * minute), increase(requests, 2 * minute)), '>', 0.02),
      compare(increase(requests, 2 * minute), '>', 100),
    ),
    summary: { en: 'Requests of buyers fail.', ko: '구매 요청이 실패하고 있습니다.' },
  },
  {
    ...{ name: 'ErrorBudgetBurn', per: 'service', forSeconds: 0, severity: 'page' },
    labels: { pace: 'fast' },
    when: any(burning(14.4, hour, 5 * minute), burning(6, 6 * hour, 30 * minute)),
    summary: {
      en: 'Failures use up the error budget.',
      ko: '요청 실패가 허용 한도를 빠르게 넘고 있습니다.',
    },
  },
  {
    ...{ name: 'ErrorBudgetBurn', per: 'service', forSeconds: 0, severity: 'ticket' },
    labels: { pace: 'slow' },
    when: any(burning(3, day, 2 * hour), burning(1, 3 * day, 6 * hour)),
    summary: {
      en: 'Failures use up the error budget slowly.',
      ko: '요청 실패가 허용 한도를 서서히 넘고 있습니다.',
    },
  },
  {
    ...{ name: 'SlowSale', per: 'service', forSeconds: 0, severity: 'ticket' },
    when: all(
      compare(
        {
          ...{ kind: 'quantile', q: 0.95, seconds: 5 * minute },
          of: metric('http_request_duration_seconds', ofBuyers),
        },
        '>',
        0.3,
      ),
      compare(increase(requests, 5 * minute), '>', 100),
    ),
    summary: {
      en: 'One request in twenty takes longer than 0.3 s.',
      ko: '요청 20개 중 1개가 0.3초보다 오래 걸립니다.',
    },
  },
  {
    ...{ name: 'ReadSideStalled', per: 'instance', forSeconds: 0, severity: 'page' },
    when: compare(max('projection_stalled_seconds'), '>', 30),
    summary: { en: 'The lists have stopped changing.', ko: '목록 갱신이 멈췄습니다.' },
  },
  {
    ...{ name: 'ReadSideBehind', per: 'instance', forSeconds: 2 * minute, severity: 'ticket' },
    when: compare(max('projection_lag_seconds'), '>', 5),
    summary: { en: 'The lists are behind the sale.', ko: '목록이 늦게 갱신되고 있습니다.' },
  },
  {
    ...{ name: 'EventsParked', per: 'service', forSeconds: 0, severity: 'ticket' },
    when: compare(max('projection_parked_events'), '>', 0),
    summary: { en: 'Events cannot be read.', ko: '읽을 수 없는 기록이 있습니다.' },
  },
  {
    ...{ name: 'RowsWrong', per: 'service', forSeconds: minute, severity: 'ticket' },
    when: compare(max('rows_wrong'), '>', 0),
    summary: { en: 'Rows differ from the log.', ko: '목록의 내용이 판매 기록과 다릅니다.' },
  },
  queueStuck('service', 'queue', {
    en: 'Buyers wait, places are free, but the queue admits nobody.',
    ko: '대기열에 자리가 있는데도 대기자가 입장하지 못합니다.',
  }),
  queueStuck('room', 'queue_room', {
    en: 'Buyers wait for a room, places are free, but the room admits nobody.',
    ko: '별도 대기열에 자리가 있는데도 대기자가 입장하지 못합니다.',
  }),
  {
    ...{ name: 'MoneyStuck', per: 'service', forSeconds: 0, severity: 'page' },
    when: any(
      compare(max('payments_open_oldest_seconds'), '>', minute),
      compare(max('refunds_due_oldest_seconds'), '>', 5 * minute),
    ),
    summary: {
      en: 'A payment or a refund is unfinished.',
      ko: '결제 또는 환불이 중간에 멈춰 있습니다.',
    },
  },
  {
    ...{ name: 'HoldsOverdue', per: 'service', forSeconds: 0, severity: 'ticket' },
    when: compare(max('holds_overdue_oldest_seconds'), '>', 10),
    summary: {
      en: 'Seats are still held after their hold time.',
      ko: '선점 시간이 지난 좌석이 아직 풀리지 않았습니다.',
    },
  },
  {
    ...{ name: 'RestartLoop', per: 'instance', forSeconds: 0, severity: 'page' },
    when: compare(increase(metric('embedded_restarts_total'), 10 * minute), '>=', 3),
    summary: {
      en: 'An embedded server keeps exiting.',
      ko: '내장 서버가 반복해서 종료됩니다.',
    },
  },
  {
    ...{ name: 'ProofFailed', per: 'service', forSeconds: 0, severity: 'page' },
    labels: { sev: '1' },
    when: compare(max('verify_violations'), '>', 0),
    summary: {
      en: 'The proof of the log found violations.',
      ko: '판매 기록 검증에서 오류가 발견되었습니다.',
    },
  },
  {
    ...{ name: 'BackupOld', per: 'service', forSeconds: 0, severity: 'page' },
    when: compare(max('backup_age_seconds', { labels: { mode: 'follow' } }), '>', 15 * minute),
    summary: {
      en: 'reprise backup follow is behind the log.',
      ko: '실시간 백업이 늦어지고 있습니다.',
    },
  },
  {
    ...{ name: 'BackupOld', per: 'service', forSeconds: 0, severity: 'ticket' },
    when: compare(max('backup_age_seconds'), '>', 25 * hour),
    summary: {
      en: 'The newest backup is more than a day old.',
      ko: '마지막 백업 이후 하루가 넘게 지났습니다.',
    },
  },
  {
    ...{ name: 'BackupMissing', per: 'service', forSeconds: 0, severity: 'ticket' },
    when: all(
      { kind: 'absent', of: metric('backup_age_seconds') },
      compare({ kind: 'since', of: { metric: 'process_start_time_seconds' } }, '>', 25 * hour),
    ),
    summary: { en: 'The service has no record of a backup.', ko: '서비스에 백업 기록이 없습니다.' },
  },
  {
    ...{ name: 'DiskLow', per: 'instance', forSeconds: minute, severity: 'page' },
    when: any(
      compare(share(max('disk_free_bytes'), max('disk_size_bytes')), '<', 0.1),
      compare(max('disk_free_bytes'), '<', 1_073_741_824),
    ),
    summary: { en: 'The disk of DATA_DIR is almost full.', ko: '데이터 디스크가 거의 찼습니다.' },
  },
  {
    ...{ name: 'MetricsMissing', per: 'service', forSeconds: 2 * minute, severity: 'ticket' },
    when: { kind: 'absent', of: metric('build_info') },
    summary: {
      en: 'No metrics can be read. Other alarms cannot fire.',
      ko: '지표를 읽을 수 없어 다른 알람이 동작하지 않습니다.',
    },
  },
  {
    ...{ name: 'Watchdog', per: 'service', forSeconds: 0, severity: 'none' },
    when: compare({ kind: 'always' }, '==', 1),
    summary: {
      en: 'This alert always fires. It shows that alerts arrive.',
      ko: '이 알람은 항상 발생합니다. 알람이 정상적으로 전달되고 있다는 뜻입니다.',
    },
  },
];

/** The page with the runbooks, in this repository. */
export const runbookPage = 'docs/operations.md';

/** The rule's section in the runbooks. @param page where people read it */
export const runbookOf = ({ name }: Pick<Rule, 'name'>, page: string = runbookPage): string =>
  `${page}#${name.toLowerCase()}`;
