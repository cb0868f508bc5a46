import type { AlertState } from '../alarm/alerts.ts';
import { rules, runbookPage } from '../alarm/rules.ts';
import { runAlarm } from '../alarm/run-alarm.ts';
import type { Measures } from './drill-journal.ts';

/** The time between two polls, in milliseconds. It is as short as `reprise alarm` allows. */
const everyMs = 1_000;
/** There are no receivers, so no message is repeated. In milliseconds. */
const repeatMs = 86_400_000;

/** The history of a rule's condition after the fault. Times are milliseconds since the epoch. */
interface Seen {
  readonly rule: string;
  readonly severity: string;
  readonly activeMs: number;
  /** The last time when it was true. */
  lastMs: number;
  rangMs: number | undefined;
}

export interface DrillAlarmParts {
  readonly targets: readonly { readonly url: string; readonly adminUrl: string }[];
  /** Of the alarm alone. */
  readonly dataDir: string;
  readonly version: string;
}

/**
 * `reprise alarm` beside a drill, with the same rules and waiting times, but without receivers. If
 * a condition was not true for as long as its rule requires, its alarm does not fire. The drill
 * notes how long the condition was true.
 */
export class DrillAlarm {
  readonly dataDir: string;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  readonly #seen = new Map<string, Seen>();
  #faultMs = Number.POSITIVE_INFINITY;

  constructor({ targets, dataDir, version }: DrillAlarmParts) {
    this.dataDir = dataDir;
    const config = {
      ...{ targets, webhooks: [], alertmanager: undefined, heartbeat: undefined },
      ...{ everyMs, repeatMs, off: new Set<string>(), runbooks: runbookPage },
    };
    this.#done = runAlarm({
      ...{ config, dataDir, version, signal: this.#stop.signal },
      say: () => {},
      onError: () => {},
      onRound: (alerts, nowMs) => this.#look(alerts, nowMs),
    });
  }

  /** The fault begins now. */
  fault(): void {
    this.#faultMs = Date.now();
  }

  /** The first alert that fired because of a condition that became true after the fault. */
  get first(): { readonly rule: string; readonly atMs: number } | undefined {
    const rang = [...this.#seen.values()].flatMap(({ rule, rangMs }) =>
      rangMs === undefined ? [] : [{ rule, atMs: rangMs }],
    );
    return rang.sort((a, b) => a.atMs - b.atMs)[0];
  }

  /** The conditions that became true after the fault, in that order, with and without an alert. */
  get conditions(): Measures['alarms'] {
    const since = (ms: number) => Math.max(0, ms - this.#faultMs) / 1_000;
    return [...this.#seen.values()]
      .sort((a, b) => a.activeMs - b.activeMs)
      .map(({ rule, severity, activeMs, lastMs, rangMs }) => ({
        ...{ rule, severity, trueSeconds: since(activeMs) },
        heldSeconds: (lastMs - activeMs) / 1_000,
        waitSeconds: waitOf(rule, severity),
        rangSeconds: rangMs === undefined ? null : since(rangMs),
      }));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  #look(alerts: readonly AlertState[], nowMs: number): void {
    for (const { rule, labels, activeMs, firingMs } of alerts) {
      const { severity = '' } = labels;
      if (severity === 'none' || activeMs < this.#faultMs) continue;
      // If a condition was true, then false, and is true again, its waiting time starts again.
      const key = `${JSON.stringify(labels)} ${activeMs}`;
      const seen = this.#seen.get(key);
      if (seen === undefined) {
        this.#seen.set(key, { rule, severity, activeMs, lastMs: nowMs, rangMs: firingMs });
      } else {
        seen.lastMs = nowMs;
        seen.rangMs = firingMs;
      }
    }
  }
}

const waitOf = (name: string, severity: string): number =>
  rules.find((rule) => rule.name === name && rule.severity === severity)?.forSeconds ?? 0;
