import { type Acknowledged, startBuyers as start } from '../../src/drill/buyers.ts';
import type { Service } from '../../test/e2e/support/service.ts';
import { slowestMs, type Window } from './window.ts';

export type { Acknowledged };

/**
 * Between two steps of a journey, in milliseconds: a drill shows what a fault does, not what the
 * machine can carry.
 */
const thinkMs = 60;

/** The number of attempts for a payment without an answer; then the buyer starts a new journey. */
const paysMax = 60;

export interface Buyers {
  readonly acknowledged: Acknowledged;
  /** Records all answers from now on in `window`. */
  watch(window: Window | undefined): void;
  stop(): Promise<void>;
}

/**
 * The buyers of `reprise drill`, whose answers go into a window. A buyer repeats a payment until it
 * has an answer.
 * @param acknowledged a ledger of earlier answers to continue
 */
export function startBuyers(
  services: readonly Service[],
  sessions: readonly (readonly [string, string])[],
  count: number,
  acknowledged?: Acknowledged,
): Buyers {
  let window: Window | undefined;
  const buyers = start({
    ...{ services, sessions, buyers: count, thinkMs, paysMax },
    ...(acknowledged === undefined ? {} : { acknowledged }),
    onAnswer: ({ call, service, status, code, isGood, tookMs }) => {
      const isWrite = call === 'reserve' || call === 'pay';
      const failure =
        status === undefined ? 'no answer' : `${status}${code === undefined ? '' : ` ${code}`}`;
      const kind = isGood ? undefined : failure;
      window?.saw({ at: service, isWrite, kind, tookMs, late: tookMs > slowestMs });
    },
  });
  return {
    ...buyers,
    watch: (next) => {
      window = next;
    },
  };
}
