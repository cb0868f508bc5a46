import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { type AccountCommand, accountDecider } from '../../../src/commands/account/decider.ts';
import type { AccountState } from '../../../src/commands/account/evolve.ts';
import type { takeSnapshot } from '../../../src/commands/account/snapshot.ts';
import { CommandHandler } from '../../../src/commands/core/command-handler.ts';
import type { AccountEvent } from '../../../src/events/events.ts';
import { newer } from '../../correctness/support/newer-version.ts';
import { decided } from '../../support/decider-spec.ts';
import {
  balanceCharged,
  paymentCaptured,
  paymentHeld,
  paymentRefunded,
} from '../../support/events.ts';
import {
  type AccountLog,
  charge,
  chargedLog,
  context,
  currency,
  dayMs,
  deciderOf,
  plainOf,
  proof,
  skip,
  small,
  start,
  stream,
} from './account-log.ts';

const holdMs = 300_000;

/** What happens, to which charge or payment, on which handler, after how long, on both at once. */
export type HistoryStep = readonly [
  what: string,
  n: number,
  on: number,
  laterMs: number,
  isRace: boolean,
];

export interface Trial {
  /** Charges that are there already. */
  readonly fill: number;
  readonly of: typeof takeSnapshot;
  readonly everyEvents: number;
  /** Is `verify` asked, too? Default true. */
  readonly proven?: boolean;
}

const handlerOn = (log: AccountLog, of: typeof accountDecider) => new CommandHandler(log, of);
type Handler = ReturnType<typeof handlerOn>;

/** A history on two handlers, beside the fold of all its events. */
export class AccountWalk {
  readonly #log: AccountLog;
  readonly #plain: ReturnType<typeof plainOf>;
  readonly #decider: typeof accountDecider;
  readonly #endsMs = new Map<string, number>();
  readonly #handlers: Handler[];
  readonly #trial: Trial;

  /** A history on an account with the trial's charges. */
  static async on(trial: Trial): Promise<AccountWalk> {
    return new AccountWalk(trial, await chargedLog(trial.fill));
  }

  constructor(trial: Trial, log: AccountLog) {
    const { of, everyEvents } = trial;
    this.#log = log;
    this.#plain = plainOf(log);
    this.#trial = trial;
    this.#decider = { ...deciderOf(small, everyEvents) };
    Object.assign(this.#decider.snapshot, { of: (state: AccountState) => of(state, small) });
    this.#handlers = [0, 1].map(() => handlerOn(this.#log, this.#decider));
  }

  /** Tries the history: the handlers, the fold and `verify` agree. */
  async agrees(steps: readonly HistoryStep[]): Promise<void> {
    let nowMs = start;
    for (const [what, n, on, laterMs, isRace] of steps) {
      nowMs += laterMs;
      if (what === 'restart') this.#handlers[on] = handlerOn(this.#log, this.#decider);
      if (what === 'skip') await this.#writeAndSkip(n, nowMs, isRace);
      for (const command of this.#commandsOf(what, n, nowMs)) {
        await this.#ask(command, on, nowMs, isRace);
      }
    }
    const { balance, held, captured } = this.#plain();
    for (const handler of [...this.#handlers, handlerOn(this.#log, this.#decider)]) {
      const state = await handler.state(stream, { fresh: true });
      expect(state).to.include({ balance, held, captured });
    }
    if (this.#trial.proven ?? true) expect(proof(this.#log).join()).to.equal('');
  }

  /** A command's answer is that of the fold, on one handler or on both at once. */
  async #ask(command: AccountCommand, on: number, nowMs: number, isRace: boolean): Promise<void> {
    const whole = this.#plain();
    if (!this.#mayCome(command, whole, nowMs)) return;
    const expected = decided(accountDecider, command, whole);
    const known = expected.ok ? expected.answer : expected.refusal.code;
    // What ended long after its hold may be left out by the next summary, which the second one
    // then reads.
    const isYoung =
      !('paymentId' in command) || nowMs <= (this.#endsMs.get(command.paymentId) ?? 0);
    const asked = isRace && isYoung ? this.#handlers : [this.#handlers[on] as Handler];
    const all = await Promise.all(
      asked.map((handler) => handler.execute(stream, command, context)),
    );
    for (const got of all) {
      const said = got.ok ? got.value : got.refusal.code;
      // Chai takes many times as long, also for what is equal.
      if (isDeepStrictEqual(pick(said), pick(known))) continue;
      expect(pick(said), JSON.stringify(command)).to.deep.equal(pick(known));
      expect.fail(`${JSON.stringify(command)} is answered in another form`);
    }
  }

  /** Of what only a newer version can read; that one may have gone on from there. */
  async #writeAndSkip(n: number, nowMs: number, goesOn: boolean): Promise<void> {
    const at = new Date(nowMs).toISOString();
    const [paymentId, reservationId] = [`p${n}`, `r${n}`];
    if (!this.#endsMs.has(paymentId)) this.#endsMs.set(paymentId, nowMs + holdMs);
    const holdExpiresAt = new Date(this.#endsMs.get(paymentId) ?? 0).toISOString();
    const payment = { paymentId, reservationId, amount: 10 };
    const status = this.#plain().payments.get(paymentId)?.status;
    const told: { readonly [key: string]: AccountEvent } = {
      held: paymentCaptured(payment),
      captured: paymentRefunded(payment),
    };
    const event: AccountEvent =
      told[status ?? ''] ??
      (n % 2 === 0
        ? balanceCharged(`c${n}`, 100, 100, { at })
        : paymentHeld(payment, 0, { holdExpiresAt, at }));
    await this.#log.fill([event], 2);
    const revision = Number(this.#log.log.at(-1)?.revision);
    if (goesOn) {
      const other = new CommandHandler(newer(this.#log), this.#decider);
      for (let i = 0; i < 2 * n; i++) {
        await other.execute(stream, charge(`n${nowMs}-${i}`, 100, nowMs), context);
      }
    }
    await skip(this.#log, revision);
  }

  #commandsOf(what: string, n: number, at: number): AccountCommand[] {
    const paymentId = `p${n}`;
    const reservationId = `r${n}`;
    if (!this.#endsMs.has(paymentId)) this.#endsMs.set(paymentId, at + holdMs);
    const holdExpiresAtMs = this.#endsMs.get(paymentId) ?? 0;
    switch (what) {
      case 'charge':
        return [charge(n % 2 === 0 ? `old${n * 150}` : `c${n}`, 100, at)];
      case 'burst':
        return Array.from({ length: 4 * n }, (_, i) => charge(`b${at}-${i}`, 100, at));
      case 'hold':
        return [
          {
            type: 'HoldPayment',
            ...{ paymentId, reservationId, amount: 10, currency, holdExpiresAtMs, nowMs: at },
          },
        ];
      case 'capture':
        return [{ type: 'CapturePayment', paymentId }];
      case 'release':
        return [{ type: 'ReleasePayment', paymentId, reason: 'cancelled' }];
      case 'refund':
        return [{ type: 'RefundPayment', paymentId, reservationId, amount: 10, currency }];
      default:
        return [];
    }
  }

  /** As the seat's stream and the API let it come: see `account-summary.unit.ts`. */
  #mayCome(command: AccountCommand, state: AccountState, at: number): boolean {
    if (command.type === 'ChargeBalance') {
      const known = state.charges.get(command.chargeId);
      return known === undefined || known.atMs > at - dayMs;
    }
    const status = state.payments.get(command.paymentId)?.status;
    if (command.type === 'RefundPayment') return status !== undefined && status !== 'released';
    const endMs = this.#endsMs.get(command.paymentId) ?? 0;
    return status === 'held' || at <= endMs + 60_000;
  }
}

/** What an answer says to who asks. */
const pick = (said: object | string) => {
  if (typeof said === 'string') return said;
  const { amount, balance, currency: of } = said as { [key: string]: unknown };
  return { amount, balance, currency: of };
};
