import type { AlarmConfig } from './alarm-options.ts';
import { type AlertState, tellsOf } from './alerts.ts';
import { Delivery } from './delivery.ts';
import { alertmanagerBody, type Group, webhookBody } from './payloads.ts';

/**
 * If Alertmanager does not get an alert again within this time, it forgets the alert. In
 * milliseconds.
 */
const alertmanagerKeepsMs = 300_000;
/** The time between two messages to Alertmanager about the same alert, in milliseconds. */
const alertmanagerEveryMs = 60_000;
/**
 * Longest wait for the answer to a heartbeat, and the time between two heartbeats, in milliseconds.
 */
const heartbeatMs = 10_000;
const heartbeatEveryMs = 60_000;

export interface NotifierParts {
  readonly config: Pick<
    AlarmConfig,
    'webhooks' | 'alertmanager' | 'heartbeat' | 'repeatMs' | 'runbooks'
  >;
  /** Called with each message that no try delivered. */
  readonly onUndelivered: (to: string, error: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Sends changes of alerts to the receivers, and repeats alerts that continue. It never waits for a
 * receiver.
 */
export class Notifier {
  readonly #parts: NotifierParts;
  readonly #webhooks: readonly Delivery[];
  readonly #alertmanager: Delivery | undefined;
  readonly #underWay = new Set<Promise<void>>();
  #alertmanagerMs = Number.NEGATIVE_INFINITY;
  #heartbeatMs = Number.NEGATIVE_INFINITY;

  constructor(parts: NotifierParts) {
    const { config, signal } = parts;
    this.#parts = parts;
    this.#webhooks = config.webhooks.map((url) => new Delivery(url, signal));
    this.#alertmanager =
      config.alertmanager === undefined
        ? undefined
        : new Delivery(`${config.alertmanager.replace(/\/+$/, '')}/api/v2/alerts`, signal);
  }

  /**
   * Called after each round.
   * @param firing every alert that fires. `toldMs` is set for those that are sent now
   * @param why the reasons of `/readyz`, for people
   */
  round(
    firing: readonly AlertState[],
    resolved: readonly AlertState[],
    { nowMs, why, url }: { readonly nowMs: number; readonly why: string | undefined; url: string },
  ): void {
    const { repeatMs, runbooks: page } = this.#parts.config;
    const isDue = ({ toldMs }: AlertState) => toldMs === undefined || nowMs - toldMs >= repeatMs;
    const people = (state: AlertState) => tellsOf(state).severity !== 'none';
    const due = new Set(
      [...firing.filter(isDue), ...resolved].filter(people).map(({ rule }) => rule),
    );
    for (const name of due) {
      const ofName = ({ rule }: AlertState) => rule === name;
      const group = { name, firing: firing.filter(ofName), resolved: resolved.filter(ofName) };
      this.#tell(group, nowMs, webhookBody(group, { nowMs, why, url, page }));
    }
    const isLate = nowMs - this.#alertmanagerMs >= alertmanagerEveryMs;
    if (this.#alertmanager !== undefined && (isLate || due.size > 0)) {
      this.#alertmanagerMs = nowMs;
      const untilMs = nowMs + alertmanagerKeepsMs;
      const body = alertmanagerBody({ firing, resolved }, { nowMs, untilMs, url, page });
      this.#track(this.#send(this.#alertmanager, body));
    }
    if (nowMs - this.#heartbeatMs >= heartbeatEveryMs) {
      this.#heartbeatMs = nowMs;
      this.#track(this.#beat());
    }
  }

  /** Resolves when all running deliveries have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #tell(group: Group, nowMs: number, body: object): void {
    for (const state of group.firing) state.toldMs = nowMs;
    const sent = this.#webhooks.map((webhook) => this.#send(webhook, body));
    this.#track(
      Promise.all(sent).then((took) => {
        // No receiver got the message. The next round tries again.
        if (took.length === 0 || took.includes(true)) return;
        for (const state of group.firing) if (state.toldMs === nowMs) state.toldMs = undefined;
      }),
    );
  }

  async #send(to: Delivery, body: object): Promise<boolean> {
    const error = await to.send(body);
    if (error !== undefined) this.#parts.onUndelivered(to.name, error);
    return error === undefined;
  }

  /** The other side exists to notice a missing heartbeat, so a failure is ignored here. */
  async #beat(): Promise<void> {
    const { config, signal } = this.#parts;
    if (config.heartbeat === undefined) return;
    const either = AbortSignal.any([signal, AbortSignal.timeout(heartbeatMs)]);
    await fetch(config.heartbeat, { signal: either })
      .then((answer) => answer.arrayBuffer())
      .catch(() => {});
  }

  #track(work: Promise<unknown>): void {
    const one = work.then(() => {}).finally(() => this.#underWay.delete(one));
    this.#underWay.add(one);
  }
}
