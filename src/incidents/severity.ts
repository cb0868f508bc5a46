import type { Facts, RequestFacts } from './facts.ts';
import type { Severity } from './record.ts';

/**
 * The share of failed purchases, and the number of seconds, from which an incident has this
 * severity.
 */
const worst = { share: 0.5, seconds: 300 };
const bad = { share: 0.05, seconds: 120 };
/** If the sale falls below this share of its earlier speed, it counts as stopped. */
const standstillShare = 0.1;

type Why = Facts['severity']['why'][number];
type Measured = Pick<Facts, 'requests' | 'log' | 'proof' | 'acknowledged'>;

/**
 * The severity of an incident, by its effects on buyers and their money. So nobody needs to decide
 * it during the incident. Values that were not measured do not count.
 */
export function severityOf({ requests, log, proof, acknowledged }: Measured): Facts['severity'] {
  const found: { readonly severity: Severity; readonly why: Why }[] = [];
  const say = (severity: Severity, code: Why['code'], value: number, isSo: boolean) => {
    if (isSo) found.push({ severity, why: { code, value } });
  };
  const violations = proof?.violations ?? 0;
  say('SEV1', 'violations', violations, violations > 0);
  const lost = acknowledged?.missing.length ?? 0;
  say('SEV1', 'facts-missing', lost, lost > 0);
  if (requests !== null) {
    const most = secondsAbove(requests, worst.share);
    const some = secondsAbove(requests, bad.share);
    say('SEV1', 'most-failed', most, most >= worst.seconds);
    say('SEV2', 'many-failed', some, some >= bad.seconds);
    say('SEV3', 'failed', requests.failed, requests.failed > 0);
  }
  if (log !== null) {
    const { before, during, holds, payments } = log;
    const isStill = during.soldPerMinute < standstillShare * before.soldPerMinute;
    const seconds = Math.round(during.seconds);
    say(seconds >= bad.seconds ? 'SEV2' : 'SEV3', 'standstill', seconds, isStill);
    const more = holds.ranOut - holds.ranOutBefore;
    say('SEV3', 'holds', more, more > 0);
    say('SEV2', 'unsettled', payments.unsettled, payments.unsettled > 0);
    say('SEV3', 'half-way', payments.leftHalfWay, payments.leftHalfWay > 0);
  }
  const measured = found.map(({ severity }) => severity).sort()[0] ?? 'SEV4';
  const why = found.filter(({ severity }) => severity === measured).map((one) => one.why);
  return { measured, why: why.length === 0 ? [{ code: 'nothing', value: 0 }] : why };
}

/** The time for which the share of failed requests was above `share`, in seconds. */
function secondsAbove({ series }: RequestFacts, share: number): number {
  const pieces = series.total.filter((total, at) => {
    return total > 0 && (series.failed[at] ?? 0) / total > share;
  });
  return pieces.length * series.bucketSeconds;
}
