import { z } from 'zod';

/**
 * The record of an incident, line by line: `timeline.jsonl`. Lines are only added. The current
 * state of the incident follows from all lines. Times are ISO 8601 in UTC.
 */

/** Statuspage's words, so that a record can be sent to one as it is. */
export const statuses = ['investigating', 'identified', 'monitoring', 'resolved'] as const;
export type Status = (typeof statuses)[number];
export const impacts = ['none', 'minor', 'major', 'critical'] as const;
export type Impact = (typeof impacts)[number];
/** SEV1 is the worst. */
export const severities = ['SEV1', 'SEV2', 'SEV3', 'SEV4'] as const;
export type Severity = (typeof severities)[number];
export const actionKinds = ['prevent', 'detect', 'mitigate', 'process'] as const;
/** Moments that somebody may set by hand, in their order. */
export const moments = ['began', 'noticed', 'eased', 'ended'] as const;
export type Moment = (typeof moments)[number];

const at = z.iso.datetime();
const text = z.string().min(1);
/** For everybody, in each language. */
const publicText = { publicEn: text.optional(), publicKo: text.optional() };
/**
 * Fields of every line: the time that it is about, the time when it was written, and the role of
 * its author.
 */
const line = { at, written: at, by: text.optional() };

const timelineLine = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('opened'),
    ...line,
    title: text,
    severity: z.enum(severities).optional(),
    impact: z.enum(impacts).optional(),
    components: z.array(text),
    /** The time when it began, if known. */
    from: at.optional(),
    /** True if it was caused on purpose, to practise. */
    drill: z.boolean(),
  }),
  z.object({
    kind: z.literal('note'),
    ...line,
    text,
    ...publicText,
    status: z.enum(statuses).optional(),
    severity: z.enum(severities).optional(),
    impact: z.enum(impacts).optional(),
    /** What happened at `at`. */
    marks: z.enum(moments).optional(),
  }),
  z.object({
    kind: z.literal('action'),
    ...line,
    text,
    ...publicText,
    owner: text,
    due: z.iso.date(),
    type: z.enum(actionKinds),
  }),
  z.object({
    kind: z.literal('closed'),
    ...line,
    cause: text.optional(),
    fix: text.optional(),
    ...publicText,
  }),
]);

export type TimelineLine = z.infer<typeof timelineLine>;
type LineOf<Kind extends TimelineLine['kind']> = Extract<TimelineLine, { kind: Kind }>;

/** The current state of an incident. Times are milliseconds since the epoch. */
export interface Incident {
  /** `2027-05-01-payments-fail`: its directory. */
  readonly id: string;
  readonly title: string;
  readonly isDrill: boolean;
  readonly status: Status;
  /** The severity that people stated; undefined if there is only the measured one. */
  readonly severity: Severity | undefined;
  readonly impact: Impact | undefined;
  readonly components: readonly string[];
  readonly openedMs: number;
  /** When the last line was written. */
  readonly updatedMs: number;
  /** Times that people set by hand. All others are measured. */
  readonly marks: Readonly<Partial<Record<Moment, number>>>;
  readonly lines: readonly TimelineLine[];
  readonly notes: readonly LineOf<'note'>[];
  readonly actions: readonly LineOf<'action'>[];
  readonly closed: LineOf<'closed'> | undefined;
}

/**
 * Reads the lines of a timeline. It leaves out a line that a crash has cut off, and lines of an
 * unknown, newer kind.
 */
export function parseTimeline(content: string): TimelineLine[] {
  return content.split('\n').flatMap((written) => {
    const parsed = timelineLine.safeParse(jsonOf(written));
    return parsed.success ? [parsed.data] : [];
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @returns undefined if no line opens the incident */
export function incidentOf(id: string, lines: readonly TimelineLine[]): Incident | undefined {
  const opened = lines.find((one) => one.kind === 'opened');
  if (opened === undefined) return undefined;
  const notes = lines.filter((one) => one.kind === 'note');
  const closed = lines.findLast((one) => one.kind === 'closed');
  const marks: Partial<Record<Moment, number>> = {};
  if (opened.from !== undefined) marks.began = Date.parse(opened.from);
  for (const { marks: moment, at: moved } of notes) {
    if (moment !== undefined) marks[moment] = Date.parse(moved);
  }
  return {
    ...{ id, title: opened.title, isDrill: opened.drill, components: opened.components },
    status: statusOf(lines),
    severity: lastOf(notes, ({ severity }) => severity) ?? opened.severity,
    impact: lastOf(notes, ({ impact }) => impact) ?? opened.impact,
    openedMs: Date.parse(opened.at),
    updatedMs: Math.max(...lines.map(({ written }) => Date.parse(written))),
    ...{ marks, lines, notes, closed },
    actions: lines.filter((one) => one.kind === 'action'),
  };
}

/**
 * The status in the last line that has one. A line with a status may open a closed incident again.
 */
function statusOf(lines: readonly TimelineLine[]): Status {
  const said = lines.map((one): Status | undefined => {
    if (one.kind === 'closed') return 'resolved';
    return one.kind === 'note' ? one.status : undefined;
  });
  return lastOf(said, (status) => status) ?? 'investigating';
}

function lastOf<Item, Value>(
  items: readonly Item[],
  of: (item: Item) => Value | undefined,
): Value | undefined {
  for (const item of [...items].reverse()) {
    const value = of(item);
    if (value !== undefined) return value;
  }
  return undefined;
}
