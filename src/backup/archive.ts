import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RawEvent } from '../infrastructure/raw-log.ts';
import { type ArchivedMark, hashOf, readSegment, type Segment } from './segment.ts';

/**
 * An archive: a directory with segments that follow one another, from the log's first event on.
 * `manifest.jsonl` has a line for each: it is made from them, saves reading them all, and knows
 * them when the last ones are lost. `seen.json` says when the log was last looked at, and had no
 * more.
 */

export const manifestName = 'manifest.jsonl';
export const seenName = 'seen.json';
export const lockName = 'owner.lock';
/** Of a file that is not finished: whoever finds one may remove it. */
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

/** What the manifest says of a segment. */
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

/** The numbers of the segments that are there, in order. */
export async function segmentsIn(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  const numbers = names.map((name) => Number(namePattern.exec(name)?.[1] ?? 0));
  return numbers.filter((number) => number > 0).sort((a, b) => a - b);
}

/**
 * What the manifest tells, up to the first line that is none: a crash leaves half a line at its
 * end.
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
 * When the log was last looked at, and up to which event; undefined when it never was, or that was
 * lost.
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

/** All events, a segment at a time. @throws as `loadSegment` */
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
