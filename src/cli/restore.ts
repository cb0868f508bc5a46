import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { readConfig } from '../config.ts';
import { endsWithCheck, withCheck } from './check-options.ts';
import type { OpenFlags } from './restore-log.ts';

/** `reprise restore`. */
export function defineRestore(restore: Command): void {
  restore
    .argument(
      '<archive>',
      'an archive, an image, or a directory with archives: then the newest archive',
    )
    .addHelpText(
      'after',
      `
The command reads the whole archive before it writes. It refuses an incomplete archive. It refuses an event store that has
events of Reprise. Ids, data, metadata, revisions and the order stay the same. The original times are stored with the
events, and all commands use them. Positions are new. The first event of the restored log says that the log was restored. So
the service does not use the old tables of PostgreSQL. reprise rebuild makes new ones.

At the end, the command compares every event with the archive. If it was interrupted, run it again: it continues.

An image (reprise backup image) becomes DATA_DIR/eventstore. This directory must not exist before. Positions and times stay
the same, too. The command appends an event that says that the log was restored. If the command was interrupted, it leaves
nothing: run it again.

The event store is the one of EVENTSTORE_URL, or the embedded one in DATA_DIR. No service may use it during the restore.

Afterwards:
  $ reprise restore reconcile       shows what the old tables have and the backup does not have
  $ reprise rebuild                 makes the tables from the restored log
  $ reprise verify                  proves the log and the tables
  $ reprise restore open --reason 'three buyers were called'    opens the sale, runs reprise check

reprise restore open ends with reprise check, which checks that a buyer can buy again. After restore and reconcile, the check
cannot run: no service runs, or the sale is closed.

Example:
  $ DATA_DIR=/var/lib/reprise-new reprise restore /backup`,
    )
    .action(async (archive: string) => {
      const { findImage } = await import('../backup/images.ts');
      const image = await findImage(resolve(archive));
      if (image !== undefined) {
        const { restoreImage } = await import('./restore-image.ts');
        return restoreImage(image, readConfig(process.env));
      }
      const { restoreArchive } = await import('./restore-log.ts');
      return restoreArchive(archive, readConfig(process.env));
    });

  defineReconcile(restore.command('reconcile'));
  defineOpen(restore.command('open'));
}

function defineReconcile(reconciling: Command): void {
  reconciling
    .description(
      'Show facts that the old tables of PostgreSQL have and the restored log does not have.',
    )
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      `
Facts after the end of the backup are not in the restored log. If PostgreSQL was not lost, its old tables still have these
facts. The command compares reservations, payments and money, and lists the missing facts with users and amounts. Call these
buyers, or pay them. The command does not write these facts into the log.

It uses the current tables. After a rebuild, it uses the tables that the rebuild replaced (until reprise rebuild --drop-old).

Exit codes: 0 the comparison was shown; 1 there are no old tables, or they could not be read.`,
    )
    .action(async (flags: { readonly json?: true }) => {
      const { reconcile } = await import('./restore-reconcile.ts');
      await reconcile(flags, readConfig(process.env));
    });
}

function defineOpen(open: Command): void {
  withCheck(open)
    .requiredOption('--reason <text>', 'who decided this, and why; the log stores it', someText)
    .option('--unreconciled', 'open without reconcile, because PostgreSQL has no old tables')
    .description('Open the sale after a restore.')
    .addHelpText(
      'after',
      `
A running service opens the sale within a second. Opening again changes nothing.

${endsWithCheck}

Exit codes: 0 the sale is open, and every check passed or no service runs; 1 the sale is not open, or a check failed; 2 a
check could not be made.

Example:
  $ reprise restore open --reason 'A. Kim: nothing is missing'`,
    )
    .action(async (flags: OpenFlags) => {
      const { openSale } = await import('./restore-log.ts');
      await openSale(flags, readConfig(process.env));
    });
}

function someText(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Give a reason.');
  return text;
}
