import type { Facts, Lines } from './facts.ts';
import type { Incident, TimelineLine } from './record.ts';

/**
 * An alarm may be the reason for an incident that was opened up to this much later, in
 * milliseconds.
 */
const alarmBeforeMs = 15 * 60_000;

/**
 * The times when it began, was noticed, was acknowledged, eased and ended. Times that people set by
 * hand come first, then the alarms, then the lines of the timeline.
 */
export function linesOf(incident: Incident, alarms: Facts['alarms']): Lines {
  const { marks, openedMs, notes, closed, status } = incident;
  const endedMs =
    marks.ended ?? (status === 'resolved' ? timeOf(closed) : undefined) ?? Number.POSITIVE_INFINITY;
  const beganMs = marks.began ?? earliestAlarm(alarms, openedMs) ?? openedMs;
  const first = alarms
    ?.filter(({ firedAt }) => Date.parse(firedAt) >= beganMs && Date.parse(firedAt) <= endedMs)
    .sort((a, b) => Date.parse(a.firedAt) - Date.parse(b.firedAt))[0];
  const alarmMs = first === undefined ? undefined : Date.parse(first.firedAt);
  const isFirst = incident.isDrill || (alarmMs ?? Infinity) <= openedMs;
  const byAlarm = alarmMs !== undefined && isFirst && marks.noticed === undefined;
  // A drill is opened by its own fault, so this does not count as noticed.
  const unseenMs = incident.isDrill ? undefined : openedMs;
  const noticedMs = marks.noticed ?? (byAlarm ? alarmMs : unseenMs);
  const noticer = notes.findLast((note) => note.marks === 'noticed')?.by ?? 'people';
  const byHand = incident.lines.find(({ by }) => by !== undefined && by !== 'alarm');
  const acknowledgedMs = byHand === undefined ? openedMs : Date.parse(byHand.at);
  const monitored = notes.find((note) => note.status === 'monitoring');
  const eased = marks.eased ?? timeOf(monitored) ?? (endedMs < Infinity ? endedMs : undefined);
  return {
    began: iso(beganMs),
    noticed: noticedMs === undefined ? null : iso(Math.max(beganMs, noticedMs)),
    noticedBy: byAlarm ? (first?.name ?? null) : noticedMs === undefined ? null : noticer,
    acknowledged: noticedMs === undefined ? null : iso(Math.max(noticedMs, acknowledgedMs)),
    eased: eased === undefined ? null : iso(eased),
    ended: endedMs === Number.POSITIVE_INFINITY ? null : iso(endedMs),
  };
}

/** Seconds from one line to another. */
export function durationsOf(lines: Lines): Facts['durations'] {
  const { began, noticed, acknowledged, eased, ended } = lines;
  return {
    detect: between(began, noticed),
    acknowledge: between(noticed, acknowledged),
    mitigate: between(began, eased),
    recover: between(began, ended),
  };
}

function earliestAlarm(alarms: Facts['alarms'], openedMs: number): number | undefined {
  const near = (alarms ?? []).filter(({ firedAt, resolvedAt }) => {
    const firedMs = Date.parse(firedAt);
    const isRinging = resolvedAt === null || Date.parse(resolvedAt) >= openedMs;
    return firedMs <= openedMs && firedMs >= openedMs - alarmBeforeMs && isRinging;
  });
  const times = near.map(({ activeAt }) => Date.parse(activeAt));
  return times.length === 0 ? undefined : Math.min(...times);
}

const timeOf = (line: TimelineLine | undefined): number | undefined =>
  line === undefined ? undefined : Date.parse(line.at);

const iso = (ms: number): string => new Date(ms).toISOString();

function between(from: string | null, until: string | null): number | null {
  if (from === null || until === null) return null;
  return Math.max(0, Date.parse(until) - Date.parse(from)) / 1_000;
}
