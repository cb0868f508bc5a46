import type { Command } from 'commander';
import { readConfig } from '../config.ts';

/** `reprise rollback`. */
export function defineRollback(rollback: Command): void {
  rollback
    .argument('<version>', 'a released version, or a file that its reprise contract --json wrote')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 3))
    .addHelpText(
      'after',
      `
The command checks like reprise rollback check, with the same exit codes. Then it prints the next steps. It does not stop or
start a service.

After a rollback, an older version uses the log and the tables of a newer version. A rollback loses nothing, unlike a restore.
Run these commands with the newer version:

  1. reprise rollback check 0.1.0      says whether the older version can read the log
  2. stop every instance
  3. reprise backup create
  4. reprise rollback tables 0.1.0     brings the tables of the older version back
  5. start the older version; run its reprise check. If it has no check, run its reprise verify

If the check says "not safe", roll forward: release the older code with a higher version that can read the newer events.
docs/rollback.md has the whole procedure.`,
    )
    .action(async (target: string) => {
      const { checkRollback, rollbackSteps } = await import('./rollback-check.ts');
      await checkRollback(target, {}, readConfig(process.env));
      if (process.exitCode === 0 || process.exitCode === 1) console.log(rollbackSteps(target));
    });
  defineCheck(rollback.command('check'));
  defineTables(rollback.command('tables'));
}

function defineCheck(check: Command): void {
  check
    .argument('<version>', 'a released version, or a file that its reprise contract --json wrote')
    .option('--json', 'as one JSON object')
    .description('Say whether an older version can serve this log and these tables.')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 3))
    .addHelpText(
      'after',
      `
The command reads the whole log and looks for events that the older version cannot read. The older version would park these
events and refuse commands on their streams. The command also lists new events on streams that the older version does not
read. These events are harmless.

Exit codes: 0 safe, 1 safe with a rebuild of read models, 2 not safe (with the reason), 3 could not be checked.`,
    )
    .action(async (target: string, flags: { readonly json?: true }) => {
      const { checkRollback } = await import('./rollback-check.ts');
      await checkRollback(target, flags, readConfig(process.env));
    });
}

function defineTables(tables: Command): void {
  tables
    .argument('<version>', 'as for check')
    .option('--force', 'bring the tables back even if the check says "not safe"')
    .description('Bring the tables of an older version back. No instance may run.')
    .addHelpText(
      'after',
      `
The schema reprise_old has the tables that the newer version replaced (until reprise rebuild --drop-old). The command makes
them the live tables again. In two cases it drops all tables: if the replaced tables are gone, or if the older version does
not know a migration. Then the older version builds its tables from the log at its start. No fact is lost, because the log has
everything.`,
    )
    .action(async (target: string, flags: { readonly force?: true }) => {
      const { rollbackTables } = await import('./rollback-check.ts');
      await rollbackTables(target, flags, readConfig(process.env));
    });
}
