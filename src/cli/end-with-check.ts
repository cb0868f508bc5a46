import type { Config } from '../config.ts';
import { checkLater, type EndFlags } from './check-options.ts';
import { listening, runCheck } from './check-service.ts';

/**
 * Ends a repair with the recovery check: the same table, and its exit code. If no service runs, it
 * says so in one line, with the command to type.
 * @param saleIsOpen the sale of a restored log was opened a moment ago
 */
export async function endWithCheck(
  { check = true, url, admin }: EndFlags,
  config: Config,
  { saleIsOpen = false }: { readonly saleIsOpen?: boolean } = {},
): Promise<void> {
  if (!check) return console.log(checkLater('of --no-check', 'type reprise check'));
  if (url === undefined && listening(config) === undefined) {
    const why = `no service runs on ${config.dataDir}`;
    return console.log(checkLater(why, 'start the service, then type reprise check'));
  }
  const target = { ...(url !== undefined && { url }), ...(admin !== undefined && { admin }) };
  await runCheck({ ...target, proof: true }, { saleIsOpen });
}
