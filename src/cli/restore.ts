import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { readConfig } from '../config.ts';

/** `reprise restore`. */
export function defineRestore(restore: Command): void {
  restore
    .argument('<archive>', 'its directory, or one with archives: then the newest; or an image')
    .addHelpText(
      'after',
      `
Reads the archive to its end before anything is written, and refuses one that is not whole. Into an event store that has
events of Reprise's it restores nothing. Ids, data, metadata, revisions and the order stay; the times of before are kept
with the events and count wherever times count. Positions are new ones: the restored log is another log, and says so in
its first event, so PostgreSQL's tables of before are refused until reprise rebuild has made them anew.

Every event is compared with the archive's at the end. Cut short, run it again: it goes on.

An image (reprise backup image) becomes DATA_DIR/eventstore, which must not be there. Positions and times stay, too; an
event behind the last one says that the log was restored. Cut short, nothing is there: run it again.

No service may run on it meanwhile. The event store is that of EVENTSTORE_URL, or the embedded one in DATA_DIR.

Afterwards:
  $ reprise restore reconcile       what do the tables of before know that the backup does not?
  $ reprise rebuild                 PostgreSQL from the restored log
  $ reprise verify                  prove both
  $ reprise restore open --reason 'three buyers were called'    buyers may go on
  $ reprise check                   can a buyer buy again?

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
    .description('Show what PostgreSQL’s tables of before know and the restored log does not.')
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      `
Facts that came after the backup's end are not in the restored log. The tables know them, where PostgreSQL outlived the
event store: it compares reservations, payments and money, and lists what is missing, with users and amounts. Those
buyers have to be called, or paid: nothing of it is written into the log.

It uses the tables that are in place, or, after a rebuild, those that the rebuild replaced (until reprise rebuild --drop-old).

Exit codes: 0 shown, whatever was found; 1 there are no tables of before, or they could not be read.`,
    )
    .action(async (flags: { readonly json?: true }) => {
      const { reconcile } = await import('./restore-reconcile.ts');
      await reconcile(flags, readConfig(process.env));
    });
}

function defineOpen(open: Command): void {
  open
    .requiredOption('--reason <text>', 'who decided it, and why; kept in the log', someText)
    .option('--unreconciled', 'although nobody was shown what is missing: no table outlived it')
    .description('Let buyers go on after a restore.')
    .addHelpText(
      'after',
      `
A running service opens within a second. Opening again changes nothing.

Example:
  $ reprise restore open --reason 'A. Kim: nothing is missing'`,
    )
    .action(async (flags: { readonly reason: string; readonly unreconciled?: true }) => {
      const { openSale } = await import('./restore-log.ts');
      await openSale(flags, readConfig(process.env));
    });
}

function someText(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Say why.');
  return text;
}
