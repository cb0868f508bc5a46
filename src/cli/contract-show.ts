import type { Command } from 'commander';
import { version } from './version.ts';

/** `reprise contract`. */
export function defineContract(contract: Command): void {
  contract
    .option('--json', 'print JSON for reprise rollback check')
    .addHelpText(
      'after',
      `
The command needs no server. Every version contains the contracts of the released versions before it.

Example:
  $ reprise contract --json > contract.json`,
    )
    .action(async ({ json }: { readonly json?: true }) => {
      const { contractHash, ownContract } = await import('../releases/contract.ts');
      const own = ownContract(version);
      if (json) {
        console.log(JSON.stringify(own, null, 2));
        return;
      }
      const list = (of: Readonly<Record<string, number>>) =>
        Object.entries(of).map(([name, newest]) => `${name} ${newest}`);
      console.log(`version      ${own.version}, contract ${contractHash(own).slice(0, 12)}
events       ${list(own.events).join(', ')}
streams      ${own.streams.join(', ')}
read models  ${list(own.readModels).join(', ')}
migrations   ${own.migrations.join(', ')}`);
    });
}
