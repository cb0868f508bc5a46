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
DATA_DIR/backup, or the directory of --to. By default, each command uses the newest archive. Copy the directory to
another machine with any program that copies files. docs/backup.md says which command to run how often.

The service may be running or not. The command reads the log of EVENTSTORE_URL, or the embedded log in DATA_DIR.

Examples:
  $ reprise backup follow --to /backup            runs all the time: at most seconds are lost
  $ reprise backup create --to /backup            copies the log up to now, then ends
  $ reprise backup verify --deep --to /backup     proves the archive: no seat sold twice, no money lost
  $ reprise backup image --to /backup --keep 7    copies the embedded event store with its positions`,
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
    .option('--new', 'begin a new archive with the whole log')
    .addHelpText(
      'after',
      `
The first run begins an archive. If a run was interrupted, run the command again: it continues. It refuses to continue if
the archive is from another log, or if an older copy of the log was restored.

Exit codes: 0 the archive has the whole log, 1 the archive is incomplete (standard error has the reason).`,
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
    .option(
      '--every <seconds>',
      'a new event is on disk after this time, or twice this time on a slow disk',
      seconds,
      5,
    )
    .addHelpText(
      'after',
      `
The command continues after an outage of the event store. If it cannot write the archive, it ends with exit code 1. Use a
supervisor that restarts it.`,
    )
    .action(async (flags: BackupFlags & { readonly every: number }) => {
      const { followIntoArchive } = await import('./backup-log.ts');
      const config = readConfig(process.env);
      await followIntoArchive(config, placeOf(flags), { flushMs: flags.every * 1_000 });
    });
}

function defineList(list: Command): void {
  list
    .description('Show the archives, and the last event of each.')
    .option('--json', 'as one JSON object')
    .action(async (flags: BackupFlags) => {
      const { listBackups } = await import('./backup-of.ts');
      await listBackups(placeOf(flags), flags);
    });
}

function defineVerify(verify: Command): void {
  verify
    .argument('[archive]', 'the name of an archive or an image, as list shows it, or a directory')
    .description('Check that an archive is complete and unchanged. With --deep, prove its content.')
    .option('--deep', 'run the proof of reprise verify on it: no seat sold twice, no money lost')
    .option('--json', 'as one JSON object')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .addHelpText(
      'after',
      `
The command reads every segment of the archive. It checks that each segment is unchanged, and follows the segment before
it. It also checks that no event of a stream is missing. --deep proves the events of the archive without restoring them.

For an image, the command compares the file with its hash. Then an event store opens a copy of the image, and the command
proves the log in it.

Exit codes: 0 no fault, 1 a fault or a violation, 2 the archive could not be read.`,
    )
    .action(async (archive: string | undefined, flags: VerifyBackupFlags) => {
      const { verifyBackup } = await import('./backup-of.ts');
      await verifyBackup(placeOf(flags), archive, flags);
    });
}

function definePrune(prune: Command): void {
  prune
    .description('Remove old archives.')
    .requiredOption('--keep-days <n>', 'keep the archives of the last n days', wholeNumber(6))
    .option('--keep <n>', 'always keep the newest n archives', wholeNumber(6), 2)
    .option('--dry-run', 'only show what would be removed')
    .addHelpText(
      'after',
      `
Each archive has the whole log, so the command removes or keeps whole archives. Begin a new archive regularly (reprise
backup create --new). The command first checks the archives that it keeps. If none of them is complete and correct, it
removes nothing. It never removes an archive while another command writes it.

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
    .description('Make an exact copy of the embedded event store while it runs.')
    .option('--keep <n>', 'keep the newest n images, and remove older images', oneOrMore)
    .addHelpText(
      'after',
      `
An image has the same positions and times as the log. A restore takes only the time of copying a file. Use images and an
archive together. An image has no events after the moment of the copy. If the file of the log has a fault, the image has it,
too. reprise backup verify IMAGE opens a copy of the image and proves it. reprise restore IMAGE makes the image the log of
an empty DATA_DIR.

The command needs free space for a copy of the log. Exit codes: 0 the image is complete, 1 there is no image (standard error
has the reason).

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
