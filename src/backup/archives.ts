import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { lockHolder } from '../../embedded/file-lock.ts';
import { syncDirectory } from '../support/durable-files.ts';
import {
  ifMissing,
  lockName,
  type ManifestEntry,
  readManifest,
  readSeen,
  segmentsIn,
} from './archive.ts';
import { ArchiveError } from './archive-writer.ts';

/** Several archives in one directory. Each has the whole log. A run continues the newest one. */

const namePattern = /^\d{8}T\d{6}Z-[0-9a-f]{8}$/;
/** The prefix of a name whose archive is being removed. */
const removedPrefix = '.removed-';

/** The facts about an archive that need no read of its segments. */
export interface ArchiveSummary {
  readonly id: string;
  readonly directory: string;
  readonly segments: readonly ManifestEntry[];
  /** The number of existing segments. If the manifest has another number, `verify` says more. */
  readonly files: number;
  readonly events: number;
  /** In bytes. */
  readonly size: number;
  /** The last time at which the log had no more events; undefined if unknown. */
  readonly seenAt: string | undefined;
  /** A text that describes the process that writes to it now. */
  readonly writtenBy: string | undefined;
}

/** The ids of the archives, oldest first. Empty if the directory is missing. */
export async function archiveIds(parent: string): Promise<string[]> {
  const names = await readdir(parent).catch(ifMissing<string[]>([]));
  return names.filter((name) => namePattern.test(name)).sort();
}

export async function summarise(parent: string, id: string): Promise<ArchiveSummary> {
  const directory = join(parent, id);
  const segments = await readManifest(directory);
  const sum = (of: (entry: ManifestEntry) => number) =>
    segments.reduce((total, entry) => total + of(entry), 0);
  return {
    ...{ id, directory, segments },
    files: (await segmentsIn(directory)).length,
    events: sum(({ events }) => events),
    size: sum(({ bytes }) => bytes),
    seenAt: (await readSeen(directory))?.at,
    writtenBy: lockHolder(join(directory, lockName)),
  };
}

/** Makes the directory of a new archive. @throws ArchiveError */
export async function makeArchive(parent: string, now: Date): Promise<string> {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const id = `${time}-${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(join(parent, id), { recursive: true, mode: 0o700 });
    await syncDirectory(parent);
  } catch (error) {
    throw new ArchiveError(`${join(parent, id)} cannot be made (${(error as Error).message})`);
  }
  return id;
}

/**
 * The archive at a path: the directory itself, or the newest archive in it.
 * @throws ArchiveError if there is none
 */
export async function findArchive(path: string): Promise<string> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) {
    throw new ArchiveError(`there is no directory ${path}`);
  }
  if ((await segmentsIn(path)).length > 0) return path;
  const newest = (await archiveIds(path)).at(-1);
  if (newest === undefined) throw new ArchiveError(`there is no archive in ${path}`);
  return join(path, newest);
}

/** The time since when the log may have more events than the archive. */
export function lookedAtMs({ id, seenAt, segments }: ArchiveSummary): number {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(id) ?? [];
  const begun = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const written = Date.parse(segments.at(-1)?.writtenAt ?? '');
  return Math.max(begun, ...[written, Date.parse(seenAt ?? '')].filter((ms) => !Number.isNaN(ms)));
}

/**
 * The archives that may be removed: those that were last complete before a moment. The newest ones,
 * and one that a process writes to, are not among them.
 * @param keep the number of newest archives that always stay
 */
export function prunable(
  archives: readonly ArchiveSummary[],
  { beforeMs, keep }: { readonly beforeMs: number; readonly keep: number },
): ArchiveSummary[] {
  const older = keep === 0 ? archives : archives.slice(0, -keep);
  return older.filter((one) => one.writtenBy === undefined && lookedAtMs(one) < beforeMs);
}

/**
 * Removes archives. An interrupted removal leaves nothing that looks like an archive. It also
 * removes the rest of an earlier, interrupted removal.
 */
export async function removeArchives(parent: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) await rename(join(parent, id), join(parent, removedPrefix + id));
  const names = await readdir(parent);
  for (const name of names.filter((one) => one.startsWith(removedPrefix))) {
    await rm(join(parent, name), { recursive: true, force: true });
  }
}
