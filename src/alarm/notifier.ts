import type { AlarmConfig } from './alarm-options.ts';
import { type AlertState, tellsOf } from './alerts.ts';
import { Delivery } from './delivery.ts';
import { alertmanagerBody, type Group, webhookBody } from './payloads.ts';

/** Alertmanager forgets what it is not told again within this, in milliseconds. */
const alertmanagerKeepsMs = 300_000;
/** It is told so often, in milliseconds. */
const alertmanagerEveryMs = 60_000;
/** Longest wait for the heartbeat's answer, and between two of them, in milliseconds. */
const heartbeatMs = 10_000;
const heartbeatEveryMs = 60_000;

export interface NotifierParts {
  readonly config: Pick<AlarmConfig, 'webhooks' | 'alertmanager' | 'heartbeat' | 'repeatMs'>;
  /** Told of each message that no try delivered. */
  readonly onUndelivered: (to: string, error: string) => void;
  readonly signal: AbortSignal;
}

/** Tells receivers what changed, and again what goes on. Nothing here waits for a receiver. */
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
   * After a round.
   * @param firing every alert that rings; `toldMs` of those that are told now is set
   * @param why what `/readyz` says, for people
   */
  round(
    firing: readonly AlertState[],
    resolved: readonly AlertState[],
    { nowMs, why, url }: { readonly nowMs: number; readonly why: string | undefined; url: string },
  ): void {
    const { repeatMs } = this.#parts.config;
    const isDue = ({ toldMs }: AlertState) => toldMs === undefined || nowMs - toldMs >= repeatMs;
    const people = (state: AlertState) => tellsOf(state).severity !== 'none';
    const due = new Set(
      [...firing.filter(isDue), ...resolved].filter(people).map(({ rule }) => rule),
    );
    for (const name of due) {
      const ofName = ({ rule }: AlertState) => rule === name;
      const group = { name, firing: firing.filter(ofName), resolved: resolved.filter(ofName) };
      this.#tell(group, nowMs, webhookBody(group, { nowMs, why, url }));
    }
    const isLate = nowMs - this.#alertmanagerMs >= alertmanagerEveryMs;
    if (this.#alertmanager !== undefined && (isLate || due.size > 0)) {
      this.#alertmanagerMs = nowMs;
      const untilMs = nowMs + alertmanagerKeepsMs;
      const body = alertmanagerBody({ firing, resolved }, { nowMs, untilMs, url });
      this.#track(this.#send(this.#alertmanager, body));
    }
    if (nowMs - this.#heartbeatMs >= heartbeatEveryMs) {
      this.#heartbeatMs = nowMs;
      this.#track(this.#beat());
    }
  }

  /** What is under way has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #tell(group: Group, nowMs: number, body: object): void {
    for (const state of group.firing) state.toldMs = nowMs;
    const sent = this.#webhooks.map((webhook) => this.#send(webhook, body));
    this.#track(
      Promise.all(sent).then((took) => {
        // Nobody was told: it is tried again with the next round.
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

  /** One that does not arrive is what the other side is there for. */
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
