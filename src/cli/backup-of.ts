import { dirname, isAbsolute, join, resolve } from 'node:path';
import { eventsIn } from '../backup/archive.ts';
import {
  type ArchiveSummary,
  archiveIds,
  findArchive,
  lookedAtMs,
  prunable,
  removeArchives,
  summarise,
} from '../backup/archives.ts';
import { type CheckResult, checkArchive } from '../backup/check.ts';
import { findImage, imagesIn } from '../backup/images.ts';
import { readConfig } from '../config.ts';
import { describeVerdict, verdictToJson } from '../verify/describe.ts';
import { ArchivedSkips, verifyArchive } from '../verify/verify-archive.ts';
import type { Verdict } from '../verify/verify-log.ts';
import { checkLater } from './check-options.ts';
import { describeImage, imageToJson } from './image-lines.ts';

const dayMs = 86_400_000;

/** As the command line has them. */
export interface BackupFlags {
  readonly to?: string;
  readonly json?: true;
}

export interface VerifyBackupFlags extends BackupFlags {
  readonly deep?: true;
}

export interface PruneFlags extends BackupFlags {
  readonly keepDays: number;
  readonly keep: number;
  readonly dryRun?: true;
}

/** `reprise backup list`. */
export async function listBackups(parent: string, { json }: BackupFlags): Promise<void> {
  const archives = await summaries(parent);
  const images = await imagesIn(parent);
  if (json) {
    const found = { archives: archives.map(toJson), images: images.map(imageToJson) };
    console.log(JSON.stringify(found, null, 2));
    return;
  }
  if (archives.length === 0) console.log(`no archive in ${parent}`);
  for (const one of archives) console.log(describe(one));
  for (const one of images) console.log(describeImage(one));
}

const summaries = async (parent: string): Promise<ArchiveSummary[]> =>
  Promise.all((await archiveIds(parent)).map((id) => summarise(parent, id)));

function describe(archive: ArchiveSummary): string {
  const { id, segments, files, events, size, writtenBy } = archive;
  const last = segments.at(-1)?.last;
  const lines = [
    `${id}  ${events} events in ${files} segments, ${(size / 1024 ** 2).toFixed(1)} MiB`,
    last === undefined
      ? '  empty'
      : `  from ${segments[0]?.first.createdAt} to ${last.createdAt}, position ${last.position}`,
    `  complete up to the log of ${new Date(lookedAtMs(archive)).toISOString()}`,
  ];
  if (files !== segments.length)
    lines.push('  its segments do not match its manifest: run reprise backup verify');
  if (writtenBy !== undefined) lines.push(`  ${writtenBy} writes to it`);
  return lines.join('\n');
}

const toJson = (archive: ArchiveSummary): unknown => ({
  id: archive.id,
  directory: archive.directory,
  parts: archive.files,
  events: archive.events,
  bytes: archive.size,
  first: archive.segments[0]?.first,
  last: archive.segments.at(-1)?.last,
  lastSha256: archive.segments.at(-1)?.sha256,
  seenAt: archive.seenAt,
  lookedAt: new Date(lookedAtMs(archive)).toISOString(),
  writtenBy: archive.writtenBy,
});

/**
 * `reprise backup verify`. Sets the exit code: 0: no fault; 1: a fault was found; 2: the backup
 * could not be read.
 */
export async function verifyBackup(
  parent: string,
  name: string | undefined,
  { deep, json }: VerifyBackupFlags,
): Promise<void> {
  try {
    const place = placeOf(parent, name);
    const image = await findImage(place);
    if (image !== undefined) {
      const { verifyImage } = await import('./backup-image.ts');
      await verifyImage(readConfig(process.env), dirname(place), image, json === true);
      return;
    }
    const directory = await findArchive(place);
    const skips = new ArchivedSkips();
    const check = await checkArchive(directory, (events) => {
      if (deep) for (const event of events) skips.see(event);
    });
    const isWhole = check.faults.length === 0;
    const proof = deep && isWhole ? await verifyArchive(eventsIn(directory), skips) : undefined;
    const isRight = isWhole && (proof?.violations.total ?? 0) === 0;
    console.log(json ? verdictJson(directory, check, proof) : verdictText(directory, check, proof));
    if (deep && !isWhole)
      console.error('reprise: the events were not proven, because the archive is not complete');
    process.exitCode = isRight ? 0 : 1;
  } catch (error) {
    console.error(`reprise: could not verify: ${(error as Error).message}`);
    process.exitCode = 2;
  }
}

/** The name of a backup in the directory, or a path. */
function placeOf(parent: string, name: string | undefined): string {
  if (name === undefined) return parent;
  return isAbsolute(name) || name.includes('/') ? resolve(name) : join(parent, name);
}

/** Below a proof: what it is not. */
export const ofNoService = checkLater(
  'this command reads only the backup',
  'for a service, type reprise check',
);

function verdictText(directory: string, check: CheckResult, proof: Verdict | undefined): string {
  const { segments, events, streams, faults } = check;
  return [
    `archive     ${directory}: ${events} events of ${streams} streams in ${segments} segments`,
    ...faults.map(({ code, file, detail }) => `FAULT ${code} ${file}: ${detail}`),
    faults.length === 0
      ? 'complete: every segment is unchanged, and none is missing'
      : `NOT COMPLETE: ${faults.length} faults`,
    ...(proof === undefined ? [] : [describeVerdict(proof), ofNoService]),
  ].join('\n');
}

function verdictJson(directory: string, check: CheckResult, proof: Verdict | undefined): string {
  const whole = check.faults.length === 0;
  const judged = proof && verdictToJson(proof);
  return JSON.stringify({ directory, whole, ...check, proof: judged }, null, 2);
}

/**
 * `reprise backup prune`.
 * @throws Error with a message for people when no remaining archive is complete
 */
export async function pruneBackups(
  parent: string,
  { keepDays, keep, dryRun }: PruneFlags,
): Promise<void> {
  const all = await summaries(parent);
  const gone = prunable(all, { beforeMs: Date.now() - keepDays * dayMs, keep });
  for (const one of gone) console.log(`${dryRun ? 'would be removed' : 'to remove'}: ${one.id}`);
  if (gone.length === 0) console.log('no archive is old enough to remove');
  else {
    const good = await firstGood(all.filter((one) => !gone.includes(one)).reverse());
    if (good === undefined) {
      throw new Error('no remaining archive is complete: nothing was removed');
    }
    console.log(`stays, complete and correct: ${good.id}`);
    if (dryRun) return;
  }
  if (!dryRun)
    await removeArchives(
      parent,
      gone.map(({ id }) => id),
    );
}

/** An empty archive is complete, but useless. */
async function firstGood(archives: readonly ArchiveSummary[]): Promise<ArchiveSummary | undefined> {
  for (const one of archives) {
    const { faults, events } = await checkArchive(one.directory);
    if (faults.length === 0 && events > 0) return one;
  }
  return undefined;
}
