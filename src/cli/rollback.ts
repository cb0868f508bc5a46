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
Checks as reprise rollback check does, with its exit codes, and prints what to do then. It stops and starts nothing.

A rollback runs an older version on the log and the tables that a newer one wrote. It is no restore: nothing is lost. Run
these commands with the newer version, which knows what it wrote.

  1. reprise rollback check 0.1.0      may the older version read what is there?
  2. stop every instance
  3. reprise backup create
  4. reprise rollback tables 0.1.0     the tables of the older version come back
  5. start the older version; run its reprise check, or its reprise verify where it has no check

Where the check says that it is not safe, roll forward: release the older code with a higher version and with what it needs
to read the newer events. docs/rollback.md has the whole procedure.`,
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
    .description('Say whether an older version may serve this log and these tables.')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 3))
    .addHelpText(
      'after',
      `
Reads the whole log and looks for events that the older version cannot read. It would park them and refuse commands on
their streams. Events on streams that it does not read do it no harm; they are listed.

Exit codes: 0 safe, 1 safe with a rebuild of read models, 2 not safe (why is said), 3 could not be checked.`,
    )
    .action(async (target: string, flags: { readonly json?: true }) => {
      const { checkRollback } = await import('./rollback-check.ts');
      await checkRollback(target, flags, readConfig(process.env));
    });
}

function defineTables(tables: Command): void {
  tables
    .argument('<version>', 'as for check')
    .option('--force', 'although the check says that it is not safe')
    .description('Bring the tables of an older version back, while no instance runs.')
    .addHelpText(
      'after',
      `
Tables that were replaced when the newer version came (reprise_old, until reprise rebuild --drop-old) go back to their
place. Where they are not there, or a migration came that the older version does not know, all tables are dropped: the
older version makes them anew from the log at its start. Nothing is lost: the log has everything.`,
    )
    .action(async (target: string, flags: { readonly force?: true }) => {
      const { rollbackTables } = await import('./rollback-check.ts');
      await rollbackTables(target, flags, readConfig(process.env));
    });
}
