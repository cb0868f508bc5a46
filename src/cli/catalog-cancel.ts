import { cancelSession } from '../commands/concert/cancel-session.ts';
import { Sales } from '../commands/sales/sales.ts';
import type { Config } from '../config.ts';
import { logMustExist } from '../servers/servers.ts';
import { InProcessHoldLimit } from '../shared-state/in-process-hold-limit.ts';
import { withCatalog } from './with-catalog.ts';

/** Between two lines of progress, in milliseconds. */
const progressMs = 1_000;
/** Errors printed one by one. */
const reportsMax = 20;

/**
 * `reprise catalog cancel SESSION`: takes it off sale and refunds every buyer, telling how far it is.
 * @throws Error in words for people when there is no log or no such session, or not every seat could be given back
 */
export async function cancelOneSession(sessionId: string, config: Config): Promise<void> {
  await logMustExist(config);
  const result = await withCatalog(config, ({ store, catalog }) => {
    let reports = 0;
    const onError = (what: string, error: unknown) => {
      reports += 1;
      if (reports <= reportsMax) console.error(`${what}: ${messageOf(error)}`);
    };
    const limit = new InProcessHoldLimit(config.heldSeatsMax);
    const parts = { store, catalog, limit, settings: config, now: Date.now, onLeftOver: onError };
    const sales = new Sales(parts);
    let toldMs = performance.now();
    const onProgress = ({ seats, done }: { seats: number; done: number }) => {
      if (performance.now() - toldMs < progressMs) return;
      toldMs = performance.now();
      console.log(`session ${sessionId}: ${done} of ${seats} seats looked at`);
    };
    return cancelSession(sessionId, { store, catalog, sales, onProgress, onError });
  });
  if (!result.ok) throw new Error(result.refusal.detail);
  const { seats, givenBack, failed } = result.value;
  console.log(`session ${sessionId}: cancelled; ${seats} seats looked at, ${givenBack} given back`);
  if (failed > 0) {
    throw new Error(
      `${failed} seats could not be given back: run it again, or leave it to the running service`,
    );
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
