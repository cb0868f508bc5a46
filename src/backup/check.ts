import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RawEvent } from '../infrastructure/raw-log.ts';
import {
  entryOf,
  isSameMark,
  lockName,
  type ManifestEntry,
  manifestName,
  readManifest,
  seenName,
  segmentName,
  segmentsIn,
  unfinishedSuffix,
} from './archive.ts';
import {
  type DamageCode,
  hashOf,
  readSegment,
  SegmentDamaged,
  type SegmentHead,
} from './segment.ts';

/** The possible faults of an archive. */
export type FaultCode =
  | DamageCode
  /** A segment is missing, although a later one exists or the manifest names it. */
  | 'segment-missing'
  /** The hash of its file differs from the manifest, or from the hash in the next segment. */
  | 'wrong-hash'
  /** It does not continue at the end of the previous segment, or belongs to another archive. */
  | 'broken-chain'
  /** The position of an event is not after the position of the event before it. */
  | 'wrong-position'
  /** The revisions of a stream have a gap, so an event is missing. */
  | 'revision-gap'
  /** A file that does not belong in an archive. */
  | 'strange-file';

export interface Fault {
  readonly code: FaultCode;
  /** The file of the fault, or the archive. */
  readonly file: string;
  readonly detail: string;
}

export interface CheckResult {
  readonly faults: readonly Fault[];
  readonly segments: number;
  readonly events: number;
  readonly streams: number;
}

/** The last event of a stream that was deleted for ever. It has the highest possible revision. */
const tombstoneType = '$streamDeleted';

/** The largest number of listed faults. If there are more, most of them have the same cause. */
const faultsMax = 100;

/**
 * Reads a whole archive and checks it. Each segment must be as it was written. The segments, and
 * the events of each stream, must follow one another without a gap. For each stream, its last
 * revision is in memory.
 * @param onSegment called with each segment and its events
 */
export async function checkArchive(
  directory: string,
  onSegment: (events: readonly RawEvent[]) => void = () => {},
): Promise<CheckResult> {
  const check = new Check(directory);
  const numbers = await segmentsIn(directory);
  const told = await readManifest(directory);
  const last = Math.max(numbers.at(-1) ?? 0, told.length);
  for (let segment = 1; segment <= last; segment += 1) {
    onSegment(await check.segment(segment, told[segment - 1]));
  }
  await check.names();
  return check.result(last);
}

class Check {
  readonly #directory: string;
  readonly #faults: Fault[] = [];
  readonly #revisions = new Map<string, bigint>();
  /** The facts of the previous segment, if it could be read. */
  #before: { readonly sha256: string; readonly last: ManifestEntry['last'] } | undefined;
  #archive: string | undefined;
  #position = -1n;
  #events = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async segment(segment: number, told: ManifestEntry | undefined): Promise<readonly RawEvent[]> {
    const file = segmentName(segment);
    const fault = (code: FaultCode, detail: string) => this.#fault(code, file, detail);
    const bytes = await readFile(join(this.#directory, file)).catch(() => undefined);
    if (bytes === undefined) {
      fault('segment-missing', 'it is not there, or cannot be read');
      this.#before = undefined;
      return [];
    }
    if (told !== undefined && (told.bytes !== bytes.length || told.sha256 !== hashOf(bytes))) {
      const found = `${bytes.length} bytes, SHA-256 ${hashOf(bytes)}`;
      fault('wrong-hash', `it has ${found}; written were ${told.bytes}, ${told.sha256}`);
    }
    try {
      const read = await readSegment(bytes);
      const entry = entryOf(read, bytes);
      this.#chain(read.head, segment, fault);
      for (const event of read.events) this.#event(event, fault);
      this.#events += read.events.length;
      this.#before = entry;
      return read.events;
    } catch (error) {
      if (!(error instanceof SegmentDamaged)) throw error;
      fault(error.code, error.message);
      this.#before = undefined;
      return [];
    }
  }

  /** Checks for files that do not belong in an archive. */
  async names(): Promise<void> {
    const numbers = await segmentsIn(this.#directory);
    const known = new Set([manifestName, seenName, lockName, ...numbers.map(segmentName)]);
    for (const name of await readdir(this.#directory)) {
      if (known.has(name) || name.endsWith(unfinishedSuffix)) continue;
      this.#fault('strange-file', name, 'no archive has such a file');
    }
  }

  result(segments: number): CheckResult {
    const streams = this.#revisions.size;
    return { faults: this.#faults, segments, events: this.#events, streams };
  }

  #chain(
    { archive, segment, previous, after }: SegmentHead,
    expected: number,
    fault: (code: FaultCode, detail: string) => void,
  ): void {
    this.#archive ??= archive;
    if (archive !== this.#archive || segment !== expected) {
      fault('broken-chain', `it says that it is segment ${segment} of ${archive}`);
    }
    // After an unreadable segment, the next one is checked alone.
    if (expected > 1 && this.#before === undefined) return;
    if (previous !== (this.#before?.sha256 ?? null)) {
      fault('broken-chain', 'it goes on from another segment than the one before it');
    } else if (!isSameMark(after, this.#before?.last ?? null)) {
      fault('broken-chain', 'it goes on from another event than the last one before it');
    }
  }

  #event(
    { position, stream, revision, type }: RawEvent,
    fault: (code: FaultCode, detail: string) => void,
  ): void {
    if (position <= this.#position) {
      fault('wrong-position', `${revision}@${stream} at ${position} comes after ${this.#position}`);
    }
    this.#position = position;
    if (type === tombstoneType) return;
    const before = this.#revisions.get(stream);
    this.#revisions.set(stream, revision);
    // Of a stream's metadata, a scavenge keeps only the last event.
    if (stream.startsWith('$$')) return;
    const next = (before ?? -1n) + 1n;
    if (revision !== next) fault('revision-gap', `${revision}@${stream} where ${next} is next`);
  }

  #fault(code: FaultCode, file: string, detail: string): void {
    if (this.#faults.length < faultsMax) this.#faults.push({ code, file, detail });
  }
}
