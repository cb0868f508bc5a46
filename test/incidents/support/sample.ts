import type { Facts } from '../../../src/incidents/facts.ts';
import { type Incident, incidentOf, type TimelineLine } from '../../../src/incidents/record.ts';

/** The beginning of the incident that these tests have: 2027-05-01 19:02 in Seoul. */
export const beganMs = Date.UTC(2027, 4, 1, 10, 2, 0);

/** A time so many seconds after the beginning. */
export const at = (seconds: number): string => new Date(beganMs + seconds * 1_000).toISOString();

/** The lines of an incident of sixteen minutes, with all that people may write. */
export const sampleLines = (isDrill = false): TimelineLine[] => [
  {
    ...{ kind: 'opened', at: at(95), written: at(95), by: 'incident commander', drill: isDrill },
    ...{ title: 'payments fail', components: ['payments', 'event store'], from: at(0) },
  },
  {
    ...{ kind: 'note', at: at(240), written: at(241), by: 'operations', status: 'identified' },
    text: 'the event store answers no append: its disk is full',
    publicEn: 'We found out why purchases failed.',
    publicKo: '구매가 처리되지 않은 원인을 확인했습니다.',
  },
  {
    ...{ kind: 'note', at: at(780), written: at(781), by: 'operations', status: 'monitoring' },
    text: 'room was made, appends go through: 503 no more',
    publicEn: 'Purchases work again. We keep watching.',
    publicKo: '구매가 다시 정상적으로 처리되고 있으며, 계속 지켜보고 있습니다.',
  },
  {
    ...{ kind: 'action', at: at(1_000), written: at(1_000), owner: 'operations', type: 'detect' },
    ...{ text: 'DiskLow rings at 20 % instead of 10 %', due: '2027-05-10' },
    publicEn: 'We are warned earlier when space for new records runs short.',
    publicKo: '기록 공간이 부족해지기 전에 더 일찍 알 수 있도록 하겠습니다.',
  },
  {
    ...{ kind: 'closed', at: at(976), written: at(976), by: 'incident commander' },
    cause: 'The disk of the event store was full: old archives were never pruned.',
    fix: 'Archives were pruned; `reprise check` is clean.',
    publicEn:
      'Our records of sales ran out of space, so new purchases could not be written down, and were refused.',
    publicKo:
      '판매 기록을 보관하는 공간이 부족해져 새로운 구매를 기록하지 못했고, 그동안 구매 요청이 처리되지 않았습니다.',
  },
];

export function sampleIncident(isDrill = false): Incident {
  const incident = incidentOf('2027-05-01-payments-fail', sampleLines(isDrill));
  if (incident === undefined) throw new Error('the sample is no incident');
  return incident;
}

/** As many numbers as the span has pieces: a sale that stands still in the middle of it. */
const series = (of: (isDown: boolean, index: number) => number) =>
  Array.from({ length: 96 }, (_, index) => of(index >= 32 && index < 58, index));

const phase = (seconds: number, sold: number) => ({
  ...{ seconds, sold, events: sold * 5, reserved: sold + 7 },
  soldPerMinute: Math.round((sold * 600) / seconds) / 10,
});

export const sampleFacts: Facts = {
  ...{ format: 1, incident: '2027-05-01-payments-fail', collectedAt: at(1_980) },
  lines: {
    ...{ began: at(0), noticed: at(45), noticedBy: 'SaleFailing', acknowledged: at(95) },
    ...{ eased: at(780), ended: at(976) },
  },
  durations: { detect: 45, acknowledge: 50, mitigate: 780, recover: 976 },
  severity: { measured: 'SEV1', why: [{ code: 'most-failed', value: 720 }] },
  impact: 'critical',
  alarms: [
    {
      ...{ name: 'SaleFailing', severity: 'page', firedAt: at(45), activeAt: at(10) },
      resolvedAt: at(840),
      summary: { en: 'More than 2 % of requests fail', ko: '요청의 2% 이상이 실패하고 있습니다' },
    },
  ],
  requests: {
    ...{ source: 'alarm', isAtLeast: false, total: 10_080, failed: 1_240 },
    purchases: { total: 2_430, failed: 1_187 },
    byCode: [
      { code: 'event-store-unavailable', count: 1_187 },
      { code: 'overloaded', count: 53 },
    ],
    ...{ longestWithoutSuccess: 702, slowestSeconds: 4.98 },
    series: {
      ...{ startsAt: at(-976), bucketSeconds: 30 },
      total: series((isDown) => (isDown ? 90 : 120)),
      failed: series((isDown, index) => (isDown ? 40 + (index % 7) : 0)),
    },
  },
  log: {
    events: 12_000,
    ...{ before: phase(976, 1_220), during: phase(976, 210), after: phase(976, 1_480) },
    series: {
      ...{ startsAt: at(-976), bucketSeconds: 30 },
      reserved: series((isDown, index) => (isDown ? 0 : 40 + (index % 5))),
      sold: series((isDown, index) => (isDown ? 0 : 36 + (index % 9))),
    },
    silences: [
      {
        seconds: 688,
        from: { at: at(61), event: '3@account-buyer-17', position: '481516', requestId: 'r-1' },
        until: { at: at(749), event: '1@seat-1-1/VIP-1-1', position: '482342' },
      },
    ],
    holds: {
      ...{ ranOut: 14, buyers: 12, boughtLater: 9, ranOutBefore: 1 },
      listed: [
        {
          ...{ at: at(750), event: '1@seat-1-1/VIP-1-2', position: '482350' },
          ...{ reservationId: '1-1.VIP-1-2.1', userId: 'buyer-42' },
        },
      ],
    },
    payments: {
      ...{ begun: 233, leftHalfWay: 3, unsettled: 0, longestSeconds: 691 },
      lastSettledAt: at(751),
      listed: [
        {
          ...{ at: at(60), event: '9@account-buyer-7', position: '481500', seconds: 691 },
          ...{ requestId: 'da894118-1111-4222-8333-444455556666', paymentId: 'pay.1-1.VIP-1-1.1' },
          ...{ settledAt: at(751), outcome: 'captured' },
        },
      ],
    },
    money: [
      {
        ...{ currency: 'KRW', charged: 0, held: 44_270_000, captured: 43_700_000 },
        ...{ released: 570_000, refunded: 0 },
      },
    ],
  },
  proof: {
    ...{ at: at(1_980), events: 51_204, seatsSold: 8_112, payments: 8_112, violations: 0 },
    ...{ byCode: {}, doubleSales: 0, rowsCompared: true },
  },
  acknowledged: null,
  versions: [{ version: '0.1.0', from: at(-900), until: at(1_900) }],
  restarts: [{ at: at(745), what: 'event store started again' }],
  unknown: [],
};
