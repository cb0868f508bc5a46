import { z } from 'zod';

/**
 * What is said about an incident, line by line: `timeline.jsonl`. The lines are only added to; what
 * the incident is now follows from all of them. Times are ISO 8601 in UTC.
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
/** Every line: when it is about, when it was written, and in which role. */
const line = { at, written: at, by: text.optional() };

const timelineLine = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('opened'),
    ...line,
    title: text,
    severity: z.enum(severities).optional(),
    impact: z.enum(impacts).optional(),
    components: z.array(text),
    /** When it began, where that was known. */
    from: at.optional(),
    /** It was caused on purpose, to practise. */
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

/** An incident as it is now. Times are milliseconds since the epoch. */
export interface Incident {
  /** `2027-05-01-payments-fail`: its directory. */
  readonly id: string;
  readonly title: string;
  readonly isDrill: boolean;
  readonly status: Status;
  /** As people said; undefined where only the measurement says. */
  readonly severity: Severity | undefined;
  readonly impact: Impact | undefined;
  readonly components: readonly string[];
  readonly openedMs: number;
  /** When the last line was written. */
  readonly updatedMs: number;
  /** Set by hand; else they are measured. */
  readonly marks: Readonly<Partial<Record<Moment, number>>>;
  readonly lines: readonly TimelineLine[];
  readonly notes: readonly LineOf<'note'>[];
  readonly actions: readonly LineOf<'action'>[];
  readonly closed: LineOf<'closed'> | undefined;
}

/**
 * Reads the lines of a timeline. What a crash left of a line is left out, and so is a line of a
 * kind that a newer version added.
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

/** @returns undefined when no line says that it was opened */
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

/** Of the last line that says one: what is written to a closed incident may open it again. */
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
