import type { Logger } from '../infrastructure/logger.ts';
import { Starts } from '../metrics/starts.ts';

/** Notes the start of a service. On a full disk, for example, the service sells without it. */
export const noteStart = (dataDir: string, logger: Logger): Promise<Starts | undefined> =>
  Starts.begin(dataDir).catch((error) => {
    logger.error({ err: error }, 'note the start');
    return undefined;
  });

/** Notes the stop. A fault that ends the service is no stop. */
export async function noteStop(starts: Starts | undefined): Promise<void> {
  if (process.exitCode !== 1) await starts?.stopped().catch(() => {});
}
