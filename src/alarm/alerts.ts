import { createHash } from 'node:crypto';
import { z } from 'zod';
import { evaluate, type Known } from './evaluate.ts';
import { type Rule, rules, runbookOf } from './rules.ts';

/** One alert that fires, or that waits to fire. Times are milliseconds since the epoch. */
export const alertState = z.object({
  fingerprint: z.string(),
  rule: z.string(),
  labels: z.record(z.string(), z.string()),
  /** Since when the condition has been true. */
  activeMs: z.number(),
  /**
   * The time since when it fires. Undefined if the condition has not been true for long enough yet.
   */
  firingMs: z.number().optional(),
  /** The time of the last message about it; undefined if there was none. */
  toldMs: z.number().optional(),
  value: z.number(),
});
export type AlertState = z.infer<typeof alertState>;

/** The changes of a round. */
export interface Changes {
  readonly fired: readonly AlertState[];
  readonly resolved: readonly AlertState[];
}

/** The rules that are left out, and the watched instances. */
export interface Watched {
  readonly off: ReadonlySet<string>;
  readonly known: readonly Known[];
}

/** The alerts of all rules, round by round. */
export class Alerts {
  readonly #states = new Map<string, AlertState>();
  /** What the last round asked about. */
  #subjects = new Map<string, Subject>();

  /** @param kept the alerts of an earlier run. Alerts of removed instances and rules are dropped */
  constructor(kept: readonly AlertState[] = []) {
    for (const state of kept) this.#states.set(state.fingerprint, { ...state });
  }

  get firing(): readonly AlertState[] {
    return [...this.#states.values()].filter(({ firingMs }) => firingMs !== undefined);
  }

  get all(): readonly AlertState[] {
    return [...this.#states.values()];
  }

  /**
   * Evaluates every rule. If a condition is unknown, its alert does not change. An instance that is
   * down reports nothing about money, but an alert about money must not end because of this.
   */
  round({ off, known }: Watched, nowMs: number): Changes {
    const fired: AlertState[] = [];
    const resolved: AlertState[] = [];
    const seen = new Set<string>();
    const asked = questions(known, this.all, this.#subjects);
    this.#subjects = new Map(asked.map(({ key, subject }) => [key, subject]));
    for (const { rule, subject, of, room } of asked) {
      if (off.has(rule.name)) continue;
      const { labels, fingerprint } = subject;
      seen.add(fingerprint);
      const outcome = evaluate(rule.when, of, nowMs, room);
      const state = this.#states.get(fingerprint);
      if (outcome === 'unknown') {
        if (state?.firingMs === undefined) this.#states.delete(fingerprint);
      } else if (outcome === 'no') {
        this.#states.delete(fingerprint);
        if (state?.firingMs !== undefined) resolved.push(state);
      } else {
        const active = state ?? {
          ...{ fingerprint, labels, rule: rule.name, activeMs: nowMs, value: outcome.value },
        };
        active.value = outcome.value;
        this.#states.set(fingerprint, active);
        if (active.firingMs !== undefined) continue;
        if (nowMs - active.activeMs < rule.forSeconds * 1_000) continue;
        active.firingMs = nowMs;
        fired.push(active);
      }
    }
    for (const [fingerprint, state] of this.#states) {
      if (seen.has(fingerprint)) continue;
      this.#states.delete(fingerprint);
      if (state.firingMs !== undefined) resolved.push(state);
    }
    return { fired, resolved };
  }
}

/** What an alert is about. It stays the same from round to round. */
interface Subject {
  readonly labels: Record<string, string>;
  readonly fingerprint: string;
}

interface Question {
  readonly rule: Rule;
  /** Of the subject. */
  readonly key: string;
  readonly subject: Subject;
  readonly of: readonly Known[];
  /** Only its series count. */
  readonly room?: string;
}

/**
 * Each rule with the instances for which it is evaluated, and the subject of its alert.
 * @param before the alerts of the round before
 * @param subjects of the round before
 */
export function questions(
  known: readonly Known[],
  before: readonly AlertState[] = [],
  subjects: ReadonlyMap<string, Subject> = new Map(),
): readonly Question[] {
  const rooms = roomsOf(known, before);
  const asked: Question[] = [];
  for (const [index, rule] of rules.entries()) {
    if (rule.per === 'service') {
      const key = `${index}`;
      asked.push({ rule, key, subject: subjects.get(key) ?? subjectOf(rule, {}), of: known });
    } else if (rule.per === 'room') {
      for (const room of rooms) {
        const key = `${index} ${room}`;
        const subject = subjects.get(key) ?? subjectOf(rule, { room });
        asked.push({ rule, key, subject, of: known, room });
      }
    } else {
      for (const one of known) {
        const { instance } = one;
        const key = `${index} ${instance}`;
        const subject = subjects.get(key) ?? subjectOf(rule, { instance });
        asked.push({ rule, key, subject, of: [one] });
      }
    }
  }
  return asked;
}

function subjectOf(rule: Rule, about: { readonly [label: string]: string }): Subject {
  const labels = { alertname: rule.name, severity: rule.severity, ...rule.labels, ...about };
  return { labels, fingerprint: fingerprintOf(labels) };
}

/** While no instance says which rooms there are, those that an alert is about are not forgotten. */
function roomsOf(known: readonly Known[], before: readonly AlertState[]): readonly string[] {
  const isSilent = !known.some(({ samples }) => samples.has('reprise_build_info'));
  const rooms = new Set<string | undefined>();
  if (isSilent) for (const { labels } of before) rooms.add(labels.room);
  else {
    for (const { samples } of known) {
      for (const same of samples.values()) for (const { labels } of same) rooms.add(labels.room);
    }
  }
  rooms.delete(undefined);
  return [...rooms] as string[];
}

/** The same for the same labels, in any order. */
function fingerprintOf(labels: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16);
}

/** The text about the alert for people. @param page the page of the runbooks */
export function tellsOf(
  state: AlertState,
  page?: string,
): {
  readonly severity: Rule['severity'];
  readonly summary: Rule['summary'];
  readonly runbook: string;
} {
  const same = ({ name, severity }: Rule) =>
    name === state.rule && severity === state.labels.severity;
  const rule = rules.find(same) ?? rules.find(({ name }) => name === state.rule);
  if (rule === undefined) {
    // An alert of a version that had this rule.
    return { severity: 'ticket', summary: { en: state.rule, ko: state.rule }, runbook: '' };
  }
  return { severity: rule.severity, summary: rule.summary, runbook: runbookOf(rule, page) };
}
