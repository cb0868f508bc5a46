import type { Facts, RequestFacts } from './facts.ts';
import type { Severity } from './record.ts';

/** Shares of failed purchases, and for how many seconds, from which an incident is as bad. */
const worst = { share: 0.5, seconds: 300 };
const bad = { share: 0.05, seconds: 120 };
/** A sale that sells less than this share of what it sold before stands still. */
const standstillShare = 0.1;

type Why = Facts['severity']['why'][number];
type Measured = Pick<Facts, 'requests' | 'log' | 'proof' | 'acknowledged'>;

/**
 * How bad an incident was, by what it did to buyers and to their money: nobody needs to decide it
 * at night. What was not measured counts for nothing.
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

/** For how long the share of failed requests was above one, in seconds. */
function secondsAbove({ series }: RequestFacts, share: number): number {
  const pieces = series.total.filter((total, at) => {
    return total > 0 && (series.failed[at] ?? 0) / total > share;
  });
  return pieces.length * series.bucketSeconds;
}
