import type { Facts, LogFacts, RequestFacts } from '../facts.ts';
import type { EngineersWords } from './engineers-words.ts';
import type { Format } from './format.ts';
import type { Row } from './page.ts';

/** The numbers of an incident, one row each. For an unknown number, the row says so. */
export function impactRows(facts: Facts, words: EngineersWords, format: Format): Row[] {
  const { rows, unknown } = words;
  const time = (at: string | null) => (at === null ? unknown : format.time(at));
  const length = (seconds: number | null) => (seconds === null ? unknown : format.length(seconds));
  const { lines, durations } = facts;
  const by = lines.noticedBy === 'people' ? words.people : lines.noticedBy;
  return [
    [rows.began, time(lines.began)],
    [rows.noticed, by === null ? time(lines.noticed) : `${time(lines.noticed)} (${by})`],
    [rows.acknowledged, time(lines.acknowledged)],
    [rows.eased, time(lines.eased)],
    [rows.ended, time(lines.ended)],
    [rows.ttd, length(durations.detect)],
    [rows.tta, length(durations.acknowledge)],
    [rows.ttm, length(durations.mitigate)],
    [rows.ttr, length(durations.recover)],
    ...requestRows(facts.requests, words, format),
    ...logRows(facts.log, words, format),
    [rows.proof, proofWords(facts, words, format)],
    ...acknowledgedRows(facts, words, format),
  ];
}

function requestRows(
  requests: RequestFacts | null,
  { rows, unknown, ofAll, atLeast }: EngineersWords,
  format: Format,
): Row[] {
  if (requests === null) return [[rows.requests, unknown]];
  const part = ({ total, failed }: { readonly total: number; readonly failed: number }) => {
    const share = total === 0 ? 0 : failed / total;
    const text = ofAll(format.count(failed), format.count(total), format.share(share));
    return requests.isAtLeast ? atLeast(text) : text;
  };
  const seconds = (name: string, value: number | null): Row[] =>
    value === null ? [] : [[name, format.length(value)]];
  return [
    [rows.requests, part(requests)],
    ...(requests.purchases === null ? [] : [[rows.purchases, part(requests.purchases)]]),
    ...seconds(rows.longest, requests.longestWithoutSuccess),
    ...seconds(rows.slowest, requests.slowestSeconds),
  ];
}

function logRows(log: LogFacts | null, words: EngineersWords, format: Format): Row[] {
  const { rows, unknown, none } = words;
  const n = format.count;
  if (log === null)
    return [rows.sold, rows.holds, rows.halfWay, rows.money].map((row) => [row, unknown]);
  const { before, during, after, holds, payments, silences } = log;
  const perMinute = (of: (phase: LogFacts['before']) => number) =>
    words.perMinute(n(of(before)), n(of(during)), n(of(after)));
  const reservedRate = ({ reserved, seconds }: LogFacts['before']) =>
    seconds === 0 ? 0 : Math.round((reserved * 600) / seconds) / 10;
  const [silence] = silences;
  return [
    [rows.sold, perMinute(({ soldPerMinute }) => soldPerMinute)],
    [rows.reserved, perMinute(reservedRate)],
    [rows.silence, silence === undefined ? none : format.length(silence.seconds)],
    [
      rows.holds,
      holds.ranOut === 0
        ? none
        : words.holdsOut(
            n(holds.ranOut),
            n(holds.buyers),
            n(holds.boughtLater),
            n(holds.ranOutBefore),
          ),
    ],
    [rows.payments, n(payments.begun)],
    [
      rows.halfWay,
      payments.leftHalfWay === 0
        ? none
        : words.halfWay(
            n(payments.leftHalfWay),
            n(payments.unsettled),
            format.length(payments.longestSeconds),
          ),
    ],
    ...moneyRows(log.money, words, format),
  ];
}

function moneyRows(
  money: LogFacts['money'],
  { rows, none, sums, moved }: EngineersWords,
  format: Format,
): Row[] {
  if (money.length === 0) return [[rows.money, none]];
  return money.map((sum) => {
    const kinds = ['charged', 'held', 'captured', 'released', 'refunded'] as const;
    const told = kinds
      .filter((kind) => sum[kind] > 0)
      .map((kind) => `${sums[kind]} ${format.money(sum[kind], sum.currency)}`);
    return [rows.money, moved(told)];
  });
}

function proofWords({ proof }: Facts, words: EngineersWords, format: Format): string {
  if (proof === null) return words.unknown;
  if (proof.violations === 0) return words.proven(format.count(proof.events), proof.rowsCompared);
  const codes = Object.entries(proof.byCode).map(([code, count]) => `${code} ${count}`);
  return words.notProven(format.count(proof.violations), codes.join(', '));
}

function acknowledgedRows({ acknowledged }: Facts, words: EngineersWords, format: Format): Row[] {
  if (acknowledged === null) return [];
  const { missing, facts } = acknowledged;
  return [
    [
      words.rows.acknowledgedFacts,
      words.missing(format.count(missing.length), format.count(facts)),
    ],
  ];
}
