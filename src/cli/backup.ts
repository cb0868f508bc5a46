import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { readConfig } from '../config.ts';
import type { BackupFlags, PruneFlags, VerifyBackupFlags } from './backup-of.ts';
import { wholeNumber } from './whole-number.ts';

/** `reprise backup`. */
export function defineBackup(backup: Command): void {
  backup.addHelpText(
    'after',
    `
An archive is a directory with the whole log, from the first event on. It consists of compressed files of JSON lines,
called segments. A segment is written once and has the hash of the segment before it. All archives are in one directory:
DATA_DIR/backup, or the directory of --to. Each command uses the newest archive by default. Copy the directory to
another machine with any program that copies files. docs/backup.md says which command to run how often.

The service may be running or not. The log is that of EVENTSTORE_URL, or the embedded one in DATA_DIR.

Examples:
  $ reprise backup follow --to /backup            runs all the time: at most seconds are lost
  $ reprise backup create --to /backup            copies the log up to now, then ends
  $ reprise backup verify --deep --to /backup     proves the archive: no seat sold twice, no money lost`,
  );
  defineCreate(withTo(backup.command('create')));
  defineFollow(withTo(backup.command('follow')));
  defineList(withTo(backup.command('list')));
  defineVerify(withTo(backup.command('verify')));
  definePrune(withTo(backup.command('prune')));
}

const withTo = (command: Command): Command =>
  command.option('--to <directory>', 'where the archives are (default DATA_DIR/backup)');

function defineCreate(create: Command): void {
  create
    .description('Bring the newest archive up to the end of the log.')
    .option('--new', 'begin a new archive, of the whole log')
    .addHelpText(
      'after',
      `
The first run begins an archive. When a run was interrupted, run the command again: it continues. It refuses to continue
when the archive is from another log, or when an older copy of the log was restored.

Exit codes: 0 the archive has the whole log, 1 it does not (standard error has the reason).`,
    )
    .action(async (flags: BackupFlags & { readonly new?: true }) => {
      const { createBackup } = await import('./backup-log.ts');
      const config = readConfig(process.env);
      await createBackup(config, placeOf(flags), { isNew: flags.new === true });
    });
}

function defineFollow(follow: Command): void {
  follow
    .description('Copy new events to the newest archive, until Ctrl-C or SIGTERM.')
    .option('--every <seconds>', 'the longest time until a new event is on disk', seconds, 5)
    .addHelpText(
      'after',
      `
The command continues after an outage of the event store. It ends with exit code 1 when it cannot write the archive: let a
supervisor restart it.`,
    )
    .action(async (flags: BackupFlags & { readonly every: number }) => {
      const { followIntoArchive } = await import('./backup-log.ts');
      const config = readConfig(process.env);
      await followIntoArchive(config, placeOf(flags), { flushMs: flags.every * 1_000 });
    });
}

function defineList(list: Command): void {
  list
    .description('Show the archives, and how far each is.')
    .option('--json', 'as one JSON object')
    .action(async (flags: BackupFlags) => {
      const { listBackups } = await import('./backup-of.ts');
      await listBackups(placeOf(flags), flags);
    });
}

function defineVerify(verify: Command): void {
  verify
    .argument('[archive]', 'its name, as list shows it, or its directory')
    .description('Hold an archive against itself; with --deep prove what is in it.')
    .option('--deep', 'run the proof of reprise verify over it: no seat sold twice, no money lost')
    .option('--json', 'as one JSON object')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .addHelpText(
      'after',
      `
Every part is read: that it is what was written, goes on where the one before it ends, and that the events of each
stream follow one another. Nothing is restored for --deep: the events are judged as they are in the archive.

Exit codes: 0 nothing is wrong, 1 something is, 2 it could not be read.`,
    )
    .action(async (archive: string | undefined, flags: VerifyBackupFlags) => {
      const { verifyBackup } = await import('./backup-of.ts');
      await verifyBackup(placeOf(flags), archive, flags);
    });
}

function definePrune(prune: Command): void {
  prune
    .description('Remove archives that are older than wanted.')
    .requiredOption('--keep-days <n>', 'archives of so many days stay', wholeNumber(6))
    .option('--keep <n>', 'so many of the newest stay in any case', wholeNumber(6), 2)
    .option('--dry-run', 'only show what would be removed')
    .addHelpText(
      'after',
      `
Each archive has the whole log, so one goes or stays as a whole: begin a new one now and then (reprise backup create
--new). Nothing is removed unless one that stays was read to its end and nothing is wrong with it. One that is written
to stays.

Example:
  $ reprise backup create --new && reprise backup prune --keep-days 14`,
    )
    .action(async (flags: PruneFlags) => {
      const { pruneBackups } = await import('./backup-of.ts');
      await pruneBackups(placeOf(flags), flags);
    });
}

const placeOf = ({ to }: BackupFlags): string =>
  to ?? join(readConfig(process.env).dataDir, 'backup');

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0.1 && value <= 3_600)) throw new InvalidArgumentError('Give 0.1 to 3600.');
  return value;
}
