import type { Facts } from '../facts.ts';
import type { Incident, TimelineLine } from '../record.ts';
import { countOr, type EveryoneWords, everyoneWords } from './everyone-words.ts';
import { type Format, formatOf } from './format.ts';
import {
  type Figure,
  heading,
  type Lang,
  list,
  type Page,
  type Piece,
  paragraph,
  table,
} from './page.ts';
import { plotOf } from './plot.ts';

/** For an incident that is shorter than this, the report shows times with seconds. */
const shortSeconds = 600;

/** The language and the time zone of a report's readers. */
export interface ReportOptions {
  readonly lang: Lang;
  /** IANA name: `Asia/Seoul`. */
  readonly timeZone: string;
}

/**
 * The report for customers, support and management: one page, with no word that only engineers
 * know, no ids, and no names.
 */
export function everyonePage(incident: Incident, facts: Facts, options: ReportOptions): Page {
  const { lang } = options;
  const words = everyoneWords[lang];
  const lasted = facts.durations.recover ?? secondsUntil(facts.collectedAt, facts.lines.began);
  const format = formatOf(lang, options.timeZone, { isShort: lasted < shortSeconds });
  const { lines } = facts;
  const { headings } = words;
  const lead = words.lead({
    from: format.time(lines.began),
    until: lines.ended === null ? undefined : format.time(lines.ended),
    length: format.length(lasted),
    severity: effectOf(facts),
    isDrill: incident.isDrill,
  });
  const plot = plotOf(facts, format, {
    ...words.plot,
    marks: [
      [lines.noticed, words.plot.noticed],
      [lines.ended, words.plot.ended],
    ],
  });
  return {
    ...{ lang, title: words.title(incident.isDrill) },
    banner: incident.isDrill ? words.drillBanner : undefined,
    pieces: [
      { kind: 'lead', text: lead },
      { kind: 'figures', figures: figuresOf(facts, words, format) },
      heading(headings.what),
      paragraph(whatHappened(incident, facts, words, format)),
      heading(headings.when),
      table(...whenOf(facts, words, format, lasted)),
      paragraph(words.inZone(format.zone)),
      heading(headings.who),
      list(whomOf(facts, words, format)),
      ...(plot === undefined ? [] : [{ kind: 'plot', plot } satisfies Piece]),
      heading(headings.todo),
      list(incident.isDrill ? [words.todoDrill] : todoOf(facts, words)),
      heading(headings.done),
      list(doneOf(incident, facts, words, format)),
      ...(incident.isDrill && incident.actions.length === 0
        ? []
        : [heading(headings.again), list(againOf(incident, words, format))]),
      ...(incident.isDrill
        ? []
        : [heading(headings.next), paragraph(lines.ended === null ? words.next : words.nextNone)]),
    ],
    foot: words.foot(format.time(facts.collectedAt), format.zone),
  };
}

type Effect = Parameters<EveryoneWords['lead']>[0]['severity'];

function effectOf({ requests, log }: Facts): Effect {
  if (requests !== null && (requests.purchases?.failed ?? requests.failed) > 0) return 'purchases';
  if (log === null && requests === null) return 'unknown';
  const isSlow =
    log !== null && log.before.sold > 0 && log.during.soldPerMinute < log.before.soldPerMinute / 2;
  if (isSlow) return 'slow';
  return requests === null ? 'unknown' : 'nothing';
}

function figuresOf(
  { requests, log, proof }: Facts,
  words: EveryoneWords,
  format: Format,
): Figure[] {
  const failed = countOr(words, format, requests?.failed);
  const isAtLeast = requests?.isAtLeast === true && requests.failed > 0;
  const wrong = proof === null ? undefined : proof.violations;
  const currency = log?.money[0]?.currency ?? 'KRW';
  const mood = (n: number | undefined): Figure['mood'] =>
    n === undefined ? 'plain' : n === 0 ? 'good' : 'bad';
  return [
    {
      label: words.figures.failed,
      value: isAtLeast ? words.atLeast(failed) : failed,
      mood: requests?.failed === 0 ? 'good' : 'plain',
    },
    {
      label: words.figures.lostSeat,
      value: countOr(words, format, log?.holds.buyers, 'people'),
      mood: log?.holds.buyers === 0 ? 'good' : 'plain',
    },
    {
      label: words.figures.doubleSales,
      value: countOr(words, format, proof?.doubleSales),
      mood: mood(proof?.doubleSales),
    },
    {
      label: words.figures.wrongMoney,
      // A proof can say that no money is wrong. It cannot say how much money is wrong.
      value: wrong === 0 ? format.money(0, currency) : words.notYet,
      mood: wrong === 0 ? 'good' : 'plain',
    },
  ];
}

function whatHappened(
  incident: Incident,
  { durations }: Facts,
  words: EveryoneWords,
  format: Format,
): string {
  const closed = incident.closed === undefined ? undefined : publicOf(incident.closed, format.lang);
  if (closed !== undefined) return closed;
  if (durations.recover === null) return words.whatUnknown;
  return words.whatOver(format.length(durations.recover));
}

function whenOf(
  facts: Facts,
  words: EveryoneWords,
  format: Format,
  lasted: number,
): [string[], string[][]] {
  const { lines } = facts;
  const { began, noticed, eased, ended, lasted: length } = words.when;
  const at = (time: string | null) => (time === null ? words.ongoing : format.time(time));
  const head = [began, noticed, ...(lines.ended === null ? [eased] : [ended]), length];
  const row = [
    format.time(lines.began),
    noticedAfter(facts, words, format) ?? words.notNoticed,
    lines.ended === null ? at(lines.eased) : at(lines.ended),
    format.length(lasted),
  ];
  return [head, [row]];
}

/** Less than a second is written as "at once". */
function noticedAfter(
  { durations: { detect } }: Facts,
  words: EveryoneWords,
  format: Format,
): string | undefined {
  if (detect === null) return undefined;
  return detect < 1 ? words.atOnce : words.within(format.length(detect));
}

function whomOf(facts: Facts, words: EveryoneWords, format: Format): string[] {
  const { requests, log, proof, acknowledged } = facts;
  const n = format.count;
  const said: string[] = [];
  if (requests !== null) {
    const share = requests.total === 0 ? undefined : format.share(requests.failed / requests.total);
    said.push(requests.failed === 0 ? words.noFailed : words.failed(n(requests.failed), share));
  }
  if (log !== null) {
    const { holds, payments, before, during, after } = log;
    const rate = (one: { readonly soldPerMinute: number }) => n(Math.round(one.soldPerMinute));
    if (before.sold > 0) said.push(words.sales(rate(before), rate(during), rate(after)));
    const later = holds.boughtLater === 0 ? undefined : n(holds.boughtLater);
    said.push(
      holds.ranOut === 0
        ? words.noLostSeat
        : words.lostSeat(n(holds.buyers), n(holds.ranOut), later),
    );
    const late = payments.leftHalfWay - payments.unsettled;
    if (late > 0) said.push(words.latePayments(n(late)));
    if (payments.unsettled > 0) said.push(words.openPayments(n(payments.unsettled)));
  }
  if (proof === null) said.push(words.unproven);
  else if (proof.violations > 0) said.push(words.notProven(n(proof.violations)));
  else said.push(words.proven(n(proof.seatsSold), n(proof.payments)));
  if (acknowledged !== null) {
    const { missing, facts: all } = acknowledged;
    said.push(missing.length === 0 ? words.kept(n(all)) : words.lost(n(missing.length)));
  }
  return said;
}

function todoOf({ lines, log }: Facts, words: EveryoneWords): string[] {
  if (lines.ended === null) return [words.todoWait, words.todoBought, words.todoHelp];
  const lost = log === null || log.holds.ranOut > 0;
  return [words.todoBought, words.todoUnsure, ...(lost ? [words.todoSeat] : []), words.todoHelp];
}

function doneOf(
  incident: Incident,
  { lines, durations, proof }: Facts,
  words: EveryoneWords,
  format: Format,
): string[] {
  const said = publicLines(incident, format.lang).map(
    ({ at, text }) => `${format.clock(at)} ${text}`,
  );
  const noticed = (durations.detect ?? 0) < 1 ? undefined : format.length(durations.detect ?? 0);
  const repaired = lines.ended === null ? words.doneByItself : words.done(noticed);
  return [...said, repaired, proof === null ? words.checking : words.checked];
}

function againOf(incident: Incident, words: EveryoneWords, format: Format): string[] {
  const said = incident.actions.flatMap((action) => {
    const text = publicOf(action, format.lang);
    return text === undefined ? [] : [words.again(text, format.day(action.due))];
  });
  return said.length === 0 ? [words.againUnknown] : said;
}

/**
 * The text for everybody that people wrote in a language; undefined if they wrote it only in the
 * other one.
 */
function publicOf(
  line: Pick<Extract<TimelineLine, { kind: 'note' }>, 'publicEn' | 'publicKo'>,
  lang: Lang,
): string | undefined {
  return lang === 'ko' ? line.publicKo : line.publicEn;
}

function publicLines({ notes }: Incident, lang: Lang): { at: string; text: string }[] {
  return notes.flatMap((note) => {
    const text = publicOf(note, lang);
    return text === undefined ? [] : [{ at: note.at, text }];
  });
}

const secondsUntil = (until: string, from: string): number =>
  Math.max(0, Date.parse(until) - Date.parse(from)) / 1_000;
