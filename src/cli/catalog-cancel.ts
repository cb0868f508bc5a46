import type { Command } from 'commander';
import { type CancelProgress, cancelSession } from '../commands/concert/cancel-session.ts';
import { Sales } from '../commands/sales/sales.ts';
import { type Config, readConfig } from '../config.ts';
import { logMustExist } from '../servers/servers.ts';
import { InProcessHoldLimit } from '../shared-state/in-process-hold-limit.ts';
import { ProgressMeter } from '../support/progress-meter.ts';
import { withCatalog } from './with-catalog.ts';

/** Errors printed one by one. */
const reportsMax = 20;

/** `reprise catalog cancel SESSION`. */
export function defineCatalogCancel(command: Command): void {
  command
    .argument('<session>', "a session's id")
    .addHelpText(
      'after',
      `
The command takes the session off sale. Then it gives every seat back and refunds its buyer. If the
command is interrupted, run it again: it continues with the rest. The service may be running.

Example:
  $ reprise catalog cancel spring-gala-sat`,
    )
    .action((session: string) => takeOffSale(session, readConfig(process.env)));
}

/**
 * @throws Error with a message for people when there is no log or no such session, or when some
 *   seats could not be given back
 */
async function takeOffSale(sessionId: string, config: Config): Promise<void> {
  await logMustExist(config);
  const result = await withCatalog(config, ({ store, catalog }) => {
    const meter = new ProgressMeter();
    let reports = 0;
    const onError = (what: string, error: unknown) => {
      reports += 1;
      if (reports > reportsMax) return;
      meter.clear();
      console.error(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    };
    const limit = new InProcessHoldLimit(config.heldSeatsMax);
    const parts = { store, catalog, limit, settings: config, now: Date.now, onLeftOver: onError };
    const sales = new Sales(parts);
    const onProgress = ({ seats, done }: CancelProgress) =>
      meter.show({ doing: `session ${sessionId}`, done, of: seats, unit: 'seats checked' });
    const work = cancelSession(sessionId, { store, catalog, sales, onProgress, onError });
    return work.finally(() => meter.clear());
  });
  if (!result.ok) throw new Error(result.refusal.detail);
  const { seats, givenBack, failed } = result.value;
  console.log(`session ${sessionId}: cancelled; ${seats} seats checked, ${givenBack} given back`);
  if (failed > 0) {
    throw new Error(
      `${failed} seats could not be given back: run the command again, or let the running service finish the work`,
    );
  }
}
