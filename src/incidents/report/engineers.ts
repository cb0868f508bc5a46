import { severityAgreed } from '../collect.ts';
import type { Facts, LogFacts } from '../facts.ts';
import type { Incident } from '../record.ts';
import { type EngineersWords, engineersWords } from './engineers-words.ts';
import type { ReportOptions } from './everyone.ts';
import { type Format, formatOf } from './format.ts';
import { impactRows } from './impact-table.ts';
import { heading, list, type Page, type Piece, paragraph, type Row, table } from './page.ts';
import { plotOf } from './plot.ts';
import { timelineRows, whereIs } from './timeline.ts';

/** The report for engineers: the sections of Google's SRE book, the impact table of PagerDuty's. */
export function engineersPage(incident: Incident, facts: Facts, options: ReportOptions): Page {
  const { lang } = options;
  const words = engineersWords[lang];
  const format = formatOf(lang, options.timeZone, { isShort: true });
  const { headings, rows } = words;
  const plot = plotOf(facts, format, {
    ...words.plot,
    marks: [
      [facts.lines.noticed, rows.noticed],
      [facts.lines.eased, rows.eased],
      [facts.lines.ended, rows.ended],
    ],
  });
  return {
    ...{ lang, title: words.title(incident.title, incident.isDrill) },
    banner: incident.isDrill ? words.drillBanner : undefined,
    pieces: [
      table([words.measure, words.value], headRows(incident, facts, words, format)),
      heading(headings.summary),
      paragraph(summaryOf(facts, words, format)),
      heading(headings.impact),
      table([words.measure, words.value], impactRows(facts, words, format)),
      ...(plot === undefined ? [] : [{ kind: 'plot', plot } satisfies Piece]),
      ...failures(facts, words, format),
      heading(headings.timeline),
      table(
        [words.table.time, words.table.source, words.table.what, words.table.where],
        timelineRows(incident, facts, words, format),
      ),
      heading(headings.detection),
      ...detection(facts, words, format),
      heading(headings.causes),
      orOpen(incident.closed?.cause, words.causeOpen),
      heading(headings.resolution),
      orOpen(incident.closed?.fix, words.resolutionOpen),
      ...cases(facts.log, words, format),
      heading(headings.lessons),
      ...lessons(facts, words, format),
      heading(headings.actions),
      actions(incident, words),
      heading(headings.support),
      list(support(facts, words)),
    ],
    foot: words.foot(format.time(facts.collectedAt), format.zone),
  };
}

const orOpen = (text: string | undefined, questions: readonly string[]): Piece =>
  text === undefined ? { kind: 'open', questions } : paragraph(text);

function headRows(incident: Incident, facts: Facts, words: EngineersWords, format: Format): Row[] {
  const { head } = words;
  const { measured, why } = facts.severity;
  const agreed = severityAgreed(incident, measured);
  const said = agreed === measured ? undefined : agreed;
  const roles = [...new Set(incident.lines.flatMap(({ by }) => by ?? []))];
  const reasons = why.map(({ code, value }) => words.why[code](format.count(value)));
  const versions = facts.versions.map(({ version }) => version);
  return [
    [head.id, `\`${incident.id}\``],
    [head.status, incident.status],
    [head.severity, words.measured(said, measured, reasons.join('; '))],
    [head.impact, facts.impact],
    [head.components, incident.components.join(', ') || words.unknown],
    [head.versions, versions.join(', ') || words.unknown],
    [head.authors, roles.join(', ') || words.people],
    [head.collected, format.time(facts.collectedAt)],
  ];
}

function summaryOf(facts: Facts, words: EngineersWords, format: Format): string {
  const { lines, durations, requests, log } = facts;
  const until = lines.ended ?? facts.collectedAt;
  const rate = ({ soldPerMinute }: LogFacts['before']) => format.count(soldPerMinute);
  return words.summary({
    from: format.time(lines.began),
    length: format.length((Date.parse(until) - Date.parse(lines.began)) / 1_000),
    isOver: lines.ended !== null,
    noticedBy: lines.noticedBy === 'people' ? words.people : (lines.noticedBy ?? words.unknown),
    detect: durations.detect === null ? words.unknown : format.length(durations.detect),
    failed: requests === null ? words.unknown : format.count(requests.failed),
    sales:
      log === null
        ? words.unknown
        : words.perMinute(rate(log.before), rate(log.during), rate(log.after)),
  });
}

function failures({ requests }: Facts, words: EngineersWords, format: Format): Piece[] {
  if (requests === null || requests.byCode.length === 0) return [];
  const rows = requests.byCode.map(({ code, count }) => [`\`${code}\``, format.count(count)]);
  return [heading(words.headings.failures), table([words.table.code, words.table.count], rows)];
}

function detection({ alarms }: Facts, words: EngineersWords, format: Format): Piece[] {
  if (alarms === null) return [paragraph(words.alarmsUnknown)];
  if (alarms.length === 0) return [paragraph(words.noAlarms)];
  const { alarm, what, fired, resolved } = words.table;
  const rows = alarms.map(({ name, severity, summary, firedAt, resolvedAt }) => [
    `${name} (${severity})`,
    summary[format.lang],
    format.clock(firedAt),
    resolvedAt === null ? '–' : format.clock(resolvedAt),
  ]);
  return [table([alarm, what, fired, resolved], rows)];
}

/** Single cases, each with the place where it can be looked up. */
function cases(log: LogFacts | null, words: EngineersWords, format: Format): Piece[] {
  if (log === null) return [];
  const { headings, table: heads } = words;
  const section = (title: string, head: readonly string[], rows: readonly Row[]): Piece[] =>
    rows.length === 0 ? [] : [heading(title), table(head, rows)];
  return [
    ...section(
      headings.silences,
      [heads.length, heads.time, heads.where],
      log.silences.map(({ seconds, from, until }) => [
        format.length(seconds),
        `${format.clock(from.at)} – ${format.clock(until.at)}`,
        `${whereIs(from)} → ${whereIs(until)}`,
      ]),
    ),
    ...section(
      headings.holds,
      [heads.time, heads.seat, heads.where],
      log.holds.listed.map((hold) => [
        format.clock(hold.at),
        `\`${hold.reservationId}\``,
        whereIs(hold),
      ]),
    ),
    ...section(
      headings.payments,
      [heads.time, heads.settled, heads.outcome, heads.where],
      log.payments.listed.map((one) => [
        format.clock(one.at),
        one.settledAt === null ? '–' : format.clock(one.settledAt),
        `${one.outcome ?? '–'}${one.seconds === null ? '' : `, ${format.length(one.seconds)}`}`,
        whereIs(one),
      ]),
    ),
  ];
}

/** The text that follows from the facts alone. People complete it. */
function lessons(facts: Facts, words: EngineersWords, format: Format): Piece[] {
  const { proof, acknowledged, lines, durations, log } = facts;
  const isByAlarm = facts.alarms?.some(({ name }) => name === lines.noticedBy) === true;
  const isByPeople = lines.noticedBy === null || lines.noticedBy === 'people';
  const well = [
    ...(proof?.violations === 0 ? [words.well.proven] : []),
    ...(acknowledged?.missing.length === 0 ? [words.well.noMissing] : []),
    ...(isByAlarm && durations.detect !== null
      ? [words.well.detected(format.length(durations.detect))]
      : []),
  ];
  const wrong = [
    ...(isByPeople ? [words.wrong.noticedByPeople] : []),
    ...((log?.payments.leftHalfWay ?? 0) > 0
      ? [words.wrong.halfWay(format.count(log?.payments.leftHalfWay ?? 0))]
      : []),
    ...((log?.holds.buyers ?? 0) > 0
      ? [words.wrong.holds(format.count(log?.holds.buyers ?? 0))]
      : []),
  ];
  const open = (questions: readonly string[]): Piece => ({ kind: 'open', questions });
  return [
    paragraph(`${words.lessons.well}:`),
    ...(well.length === 0 ? [open(['…'])] : [list(well)]),
    paragraph(`${words.lessons.wrong}:`),
    ...(wrong.length === 0 ? [open(['…'])] : [list(wrong)]),
    paragraph(`${words.lessons.lucky}:`),
    open([words.lucky]),
  ];
}

function actions(incident: Incident, words: EngineersWords): Piece {
  if (incident.actions.length === 0) return { kind: 'open', questions: [words.actionsOpen] };
  const { action, owner, due, kind } = words.table;
  const rows = incident.actions.map((one) => [one.text, one.owner, one.due, words.kinds[one.type]]);
  return table([action, owner, due, kind], rows);
}

function support({ incident, requests, unknown }: Facts, words: EngineersWords): string[] {
  return [
    ...(requests === null ? [] : [words.support.requests[requests.source]]),
    words.support.log,
    ...words.support.commands(incident),
    ...unknown.map(({ what, why }) => words.support.unknown(what, why)),
  ];
}
