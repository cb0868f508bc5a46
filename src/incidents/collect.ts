import type { JournalLine } from '../alarm/journal.ts';
import { alarmsIn, versionsAndRestarts } from './alarm-facts.ts';
import { type Facts, type LogFacts, type RequestFacts, type Span, spanOf } from './facts.ts';
import { durationsOf, linesOf } from './moments.ts';
import { type Incident, type Severity, severities } from './record.ts';
import { severityOf } from './severity.ts';
import { impactOf } from './statuspage.ts';

/**
 * The sources of the facts. Each may fail with an error that gives the reason. Then the others
 * continue.
 */
export interface FactSources {
  /** The journal of the alarm, in the span. */
  journal(fromMs: number, untilMs: number): Promise<readonly JournalLine[]>;
  /** @returns null if nothing counted requests then */
  requests(span: Span, journal: readonly JournalLine[]): Promise<RequestFacts | null>;
  log(span: Span): Promise<LogFacts>;
  proof(): Promise<Facts['proof']>;
  /** Only a drill has the answers that buyers got. */
  acknowledged?(): Promise<Facts['acknowledged']>;
  /** Restarts in addition to those that the alarm saw. */
  restarts?(): Promise<Facts['restarts']>;
  /** Versions that ran, where the alarm saw none: it takes a sample each minute. */
  versions?(): Promise<Facts['versions']>;
  /** The time around the incident, if it is known more exactly than from its lines. */
  readonly span?: Span;
  now(): number;
}

/** Alarms up to this long before an incident may belong to it, in milliseconds. */
const journalBeforeMs = 2 * 3_600_000;

/** Measures an incident. A value that cannot be measured is null, and `unknown` says why. */
export async function collectFacts(incident: Incident, sources: FactSources): Promise<Facts> {
  const unknown: Facts['unknown'] = [];
  const or = async <T>(what: string, asked: Promise<T>, fallback: T): Promise<T> =>
    asked.catch((error: unknown) => {
      unknown.push({ what, why: error instanceof Error ? error.message : String(error) });
      return fallback;
    });
  const nowMs = sources.now();
  const openedMs = Math.min(incident.openedMs, incident.marks.began ?? incident.openedMs);
  const journal = await or('alarms', sources.journal(openedMs - journalBeforeMs, nowMs), []);
  const alarmsUntil = incident.marks.ended ?? nowMs;
  const lines = linesOf(incident, alarmsIn(journal, openedMs - journalBeforeMs, alarmsUntil));
  const beganMs = Date.parse(lines.began);
  const endedMs = lines.ended === null ? nowMs : Date.parse(lines.ended);
  const span = sources.span ?? spanOf(beganMs, endedMs, nowMs);
  const alarms = alarmsIn(journal, beganMs, span.endedMs);
  if (alarms === null) unknown.push({ what: 'alarms', why: 'reprise alarm did not watch' });
  const requests = await or('requests', sources.requests(span, journal), null);
  if (requests === null && !unknown.some(({ what }) => what === 'requests')) {
    unknown.push({ what: 'requests', why: 'nothing counted them at that time' });
  }
  const log = await or('log', sources.log(span), null);
  const proof = await or('proof', sources.proof(), null);
  const acknowledged = (await sources.acknowledged?.()) ?? null;
  const inSpan = journal.filter(({ at }) => {
    const atMs = Date.parse(at);
    return atMs >= span.beforeMs && atMs <= span.afterMs;
  });
  const { versions, restarts } = versionsAndRestarts(inSpan);
  const severity = severityOf({ requests, log, proof, acknowledged });
  const judged = severityAgreed(incident, severity.measured);
  return {
    ...{ format: 1, incident: incident.id, collectedAt: new Date(nowMs).toISOString() },
    ...{ lines, durations: durationsOf(lines), severity, alarms, requests, log, proof },
    impact: incident.impact ?? impactOf[judged],
    ...{ acknowledged, unknown },
    versions: versions.length > 0 ? versions : ((await sources.versions?.()) ?? []),
    restarts: [...restarts, ...((await sources.restarts?.()) ?? [])].sort((a, b) =>
      a.at < b.at ? -1 : 1,
    ),
  };
}

/**
 * The worse of two severities: the one that people stated, and the one that was measured. If it is
 * unclear, it takes the higher one.
 */
export function severityAgreed({ severity }: Incident, measured: Severity): Severity {
  const said = severity ?? measured;
  return severities.indexOf(said) < severities.indexOf(measured) ? said : measured;
}
