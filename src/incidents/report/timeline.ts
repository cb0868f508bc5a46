import type { Facts, Place } from '../facts.ts';
import { type Incident, type Moment, moments, type TimelineLine } from '../record.ts';
import type { EngineersWords } from './engineers-words.ts';
import type { Format } from './format.ts';
import type { Lang, Row } from './page.ts';

/**
 * The largest number of holds and payments in the timeline. All of them are in their own tables.
 */
const listedMax = 5;

interface Entry {
  readonly at: string;
  readonly source: string;
  readonly what: string;
  readonly where: string;
}

/** The rows of a table with everything that happened, from all sources, in the order of time. */
export function timelineRows(
  incident: Incident,
  facts: Facts,
  words: EngineersWords,
  format: Format,
): Row[] {
  const entries = [
    ...markEntries(facts, words),
    ...incident.lines.flatMap((line) => said(line, words)),
    ...alarmEntries(facts, words, format.lang),
    ...logEntries(facts, words, format),
    ...facts.restarts.map(({ at, what }) => ({
      at,
      source: words.sources.service,
      what,
      where: '',
    })),
  ];
  return entries
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
    .map(({ at, source, what, where }) => [format.clock(at), source, what, where]);
}

function markEntries({ lines }: Facts, words: EngineersWords): Entry[] {
  const of = (moment: Moment) => lines[moment];
  return moments.flatMap((moment) => {
    const at = of(moment);
    const what = `— ${words.events.mark[moment]} —`;
    return at === null ? [] : [{ at, source: '', what, where: '' }];
  });
}

function said(line: TimelineLine, words: EngineersWords): Entry[] {
  if (line.kind === 'action') return [];
  const source = line.by ?? words.sources.note;
  const status = line.kind === 'note' && line.status !== undefined ? `[${line.status}] ` : '';
  const what =
    line.kind === 'opened'
      ? words.events.opened(line.title)
      : line.kind === 'closed'
        ? words.events.closed
        : `${status}${line.text}`;
  return [{ at: line.at, source, what, where: '' }];
}

function alarmEntries({ alarms }: Facts, words: EngineersWords, lang: Lang): Entry[] {
  const source = words.sources.alarm;
  return (alarms ?? []).flatMap(({ name, firedAt, resolvedAt, summary }) => [
    { at: firedAt, source, what: words.events.firing(name, summary[lang]), where: '' },
    ...(resolvedAt === null
      ? []
      : [{ at: resolvedAt, source, what: words.events.resolved(name), where: '' }]),
  ]);
}

function logEntries({ log }: Facts, words: EngineersWords, format: Format): Entry[] {
  if (log === null) return [];
  const source = words.sources.log;
  const { events } = words;
  return [
    ...log.silences.map(({ seconds, until }) => ({
      ...{ at: until.at, source, what: events.silence(format.length(seconds)) },
      where: whereIs(until),
    })),
    ...log.holds.listed.slice(0, listedMax).map((hold) => ({
      ...{ at: hold.at, source, what: events.holdRanOut(hold.reservationId), where: whereIs(hold) },
    })),
    ...log.payments.listed.slice(0, listedMax).flatMap((one) => {
      if (one.settledAt === null || one.seconds === null) return [];
      const what = events.halfWay(one.paymentId, format.length(one.seconds), one.outcome ?? '');
      return [{ at: one.settledAt, source, what, where: whereIs(one) }];
    }),
  ];
}

/** `12@seat-1-1/A-1, position 4711, request …`. */
export function whereIs({ event, position, requestId }: Place): string {
  const request = requestId === undefined ? '' : `, request \`${requestId}\``;
  return `\`${event}\`, position ${position}${request}`;
}
