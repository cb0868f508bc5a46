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
  $ reprise backup verify --deep --to /backup     proves the archive: no seat sold twice, no money lost
  $ reprise backup image --to /backup --keep 7    the embedded event store as it is now, position by position`,
  );
  defineCreate(withTo(backup.command('create')));
  defineFollow(withTo(backup.command('follow')));
  defineList(withTo(backup.command('list')));
  defineVerify(withTo(backup.command('verify')));
  definePrune(withTo(backup.command('prune')));
  defineImage(withTo(backup.command('image')));
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
    .argument('[archive]', 'its name, or that of an image, as list shows it, or its directory')
    .description('Hold an archive against itself; with --deep prove what is in it.')
    .option('--deep', 'run the proof of reprise verify over it: no seat sold twice, no money lost')
    .option('--json', 'as one JSON object')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .addHelpText(
      'after',
      `
Every part is read: that it is what was written, goes on where the one before it ends, and that the events of each
stream follow one another. Nothing is restored for --deep: the events are judged as they are in the archive.

Of an image, the file is held against its hash; then an event store opens a copy of it, and its log is proven.

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

function defineImage(image: Command): void {
  image
    .description('Copy the embedded event store as it is, while it runs.')
    .option('--keep <n>', 'so many of the newest images stay, older ones go', oneOrMore)
    .addHelpText(
      'after',
      `
An image is exact: positions and times are those of the log, so a restore takes as long as copying a file. It belongs
beside an archive, not instead of it: it has no events after its moment, and a fault in the log's file is in it, too.
reprise backup verify IMAGE opens a copy of it and proves it; reprise restore IMAGE makes it the log of an empty DATA_DIR.

Needs free space for a copy of the log. Exit codes: 0 the image is there, 1 it is not (standard error has the reason).

Example:
  $ reprise backup image --to /backup --keep 7`,
    )
    .action(async (flags: BackupFlags & { readonly keep?: number }) => {
      const { backupImage } = await import('./backup-image.ts');
      await backupImage(readConfig(process.env), placeOf(flags), flags);
    });
}

const placeOf = ({ to }: BackupFlags): string =>
  to ?? join(readConfig(process.env).dataDir, 'backup');

function oneOrMore(text: string): number {
  const value = wholeNumber(6)(text);
  if (value === 0) throw new InvalidArgumentError('Give 1 or more.');
  return value;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0.1 && value <= 3_600)) throw new InvalidArgumentError('Give 0.1 to 3600.');
  return value;
}
