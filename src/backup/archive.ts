import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RawEvent } from '../infrastructure/raw-log.ts';
import { type ArchivedMark, hashOf, readSegment, type Segment } from './segment.ts';

/**
 * An archive is a directory of consecutive segments, from the log's first event on.
 * `manifest.jsonl` has one line per segment. It is made from the segments. With it, a program need
 * not read all of them, and it shows when the last ones are lost. `seen.json` has the last time at
 * which the log had no more events than the archive.
 */

export const manifestName = 'manifest.jsonl';
export const seenName = 'seen.json';
export const lockName = 'owner.lock';
/** The suffix of an unfinished file. Any later run may remove such a file. */
export const unfinishedSuffix = '.tmp';

const numberDigits = 6;
const namePattern = /^(\d{6,})\.jsonl\.gz$/;

export const segmentName = (segment: number): string =>
  `${String(segment).padStart(numberDigits, '0')}.jsonl.gz`;

const markSchema = z.object({ position: z.string(), id: z.string(), createdAt: z.string() });

const entrySchema = z.object({
  segment: z.number().int(),
  /** Of its file. */
  bytes: z.number().int(),
  sha256: z.string(),
  events: z.number().int(),
  first: markSchema,
  last: markSchema,
  writtenAt: z.string(),
});

/** A line of the manifest, about one segment. */
export type ManifestEntry = z.infer<typeof entrySchema>;

export const entryOf = ({ head, end }: Segment, bytes: Uint8Array): ManifestEntry => ({
  segment: head.segment,
  bytes: bytes.length,
  sha256: hashOf(bytes),
  events: end.events,
  first: end.first,
  last: end.last,
  writtenAt: head.writtenAt,
});

/** The numbers of the existing segments, in order. */
export async function segmentsIn(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  const numbers = names.map((name) => Number(namePattern.exec(name)?.[1] ?? 0));
  return numbers.filter((number) => number > 0).sort((a, b) => a - b);
}

/**
 * The lines of the manifest, up to the first invalid one. A crash may leave half a line at its end.
 */
export async function readManifest(directory: string): Promise<ManifestEntry[]> {
  const text = await readFile(join(directory, manifestName), 'utf8').catch(ifMissing(''));
  const entries: ManifestEntry[] = [];
  for (const line of text.split('\n')) {
    const entry = entryIn(line);
    if (entry === undefined) break;
    entries.push(entry);
  }
  return entries;
}

function entryIn(line: string): ManifestEntry | undefined {
  try {
    return entrySchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/**
 * The last time at which the log had no more events, and its last event then. Undefined if there is
 * none, or if the file is lost.
 */
export async function readSeen(
  directory: string,
): Promise<{ readonly at: string; readonly position: string | null } | undefined> {
  const text = await readFile(join(directory, seenName), 'utf8').catch(ifMissing(''));
  try {
    return seenSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

const seenSchema = z.object({ at: z.iso.datetime(), position: z.string().nullable() });

/** @throws SegmentDamaged, or the system's error when the file cannot be read */
export async function loadSegment(
  directory: string,
  segment: number,
): Promise<Segment & { readonly entry: ManifestEntry }> {
  const bytes = await readFile(join(directory, segmentName(segment)));
  const read = await readSegment(bytes);
  return { ...read, entry: entryOf(read, bytes) };
}

/**
 * All events, one segment at a time.
 * @throws the errors of `loadSegment`
 */
export async function* eventsIn(
  directory: string,
): AsyncGenerator<readonly RawEvent[], void, undefined> {
  for (const segment of await segmentsIn(directory)) {
    yield (await loadSegment(directory, segment)).events;
  }
}

export const isSameMark = (a: ArchivedMark | null, b: ArchivedMark | null): boolean =>
  a?.position === b?.position && a?.id === b?.id;

export function ifMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}
