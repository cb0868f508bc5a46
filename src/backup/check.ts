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

/** What can be wrong with an archive. */
export type FaultCode =
  | DamageCode
  /** It is not there, and one after it is, or the manifest has it. */
  | 'segment-missing'
  /** Its file is not what the manifest has, or what the segment after it goes on from. */
  | 'wrong-hash'
  /** It does not go on where the one before it ends, or is another archive's. */
  | 'broken-chain'
  /** An event that is not after the one before it. */
  | 'wrong-position'
  /** A stream's revisions do not follow one another: an event is missing. */
  | 'revision-gap'
  /** A file that no archive has. */
  | 'strange-file';

export interface Fault {
  readonly code: FaultCode;
  /** Its file, or what is wrong in all of them. */
  readonly file: string;
  readonly detail: string;
}

export interface CheckResult {
  readonly faults: readonly Fault[];
  readonly segments: number;
  readonly events: number;
  readonly streams: number;
}

/** The last event of a stream that was deleted for ever has the last revision there is. */
const tombstoneType = '$streamDeleted';

/** Faults that are listed; what is found beyond is one and the same most of the time. */
const faultsMax = 100;

/**
 * Reads a whole archive and holds it against itself: that each segment is what was written, that
 * they follow one another without a gap, and the events of each stream, too. One stream's last
 * revision is in memory for each stream.
 * @param onSegment told of each segment that is read, with its events
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
  /** Of the segment before, as far as it could be read. */
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

  /** Files that nobody should have put there. */
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
    // What follows a segment that cannot be read is judged by itself.
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
    // Of a stream's metadata the store keeps the last, where it was told to clean up.
    if (stream.startsWith('$$')) return;
    const next = (before ?? -1n) + 1n;
    if (revision !== next) fault('revision-gap', `${revision}@${stream} where ${next} is next`);
  }

  #fault(code: FaultCode, file: string, detail: string): void {
    if (this.#faults.length < faultsMax) this.#faults.push({ code, file, detail });
  }
}
