import type { Command } from 'commander';
import { readConfig } from '../config.ts';

/** `reprise releases`. */
export function defineReleases(releases: Command): void {
  releases
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      `
When a service starts with another version than the service before it, it writes its version to the log. Versions that did
not do this yet are not listed.`,
    )
    .action(async ({ json }: { readonly json?: true }) => {
      const { readReleases } = await import('../releases/served.ts');
      const { withLog } = await import('./with-servers.ts');
      const { logMustExist } = await import('../servers/servers.ts');
      const config = readConfig(process.env);
      await logMustExist(config);
      const found = await withLog(config, (store) => readReleases(store));
      if (json) {
        const told = found.map(({ revision: _, position, ...one }) => ({
          ...one,
          position: String(position),
        }));
        console.log(JSON.stringify({ releases: told }, null, 2));
        return;
      }
      if (found.length === 0) console.log('the log has no record of a version');
      for (const { at, version, contract, node, position } of found) {
        console.log(`${at}  ${version}  contract ${contract.slice(0, 12)}  ${node}  ${position}`);
      }
    });
}
