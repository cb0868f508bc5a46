import { Place, Records } from './place.ts';
import { UserHash } from './user-hash.ts';

/** Records of one segment, a power of two. */
const segmentRecords = 1_024;
const recordMask = segmentRecords - 1;

/**
 * A segment with this many places is cut in two before the next one is added. The search in a
 * fuller segment takes more steps.
 */
const segmentMax = (segmentRecords * 3) / 4;

/**
 * The number of segments that share one block of memory, 1.4 MB. So a million places need only
 * several hundred objects, which stay in the processor's cache. The first segment has memory of its
 * own, because many rooms have few users.
 */
const chunkSegments = 16;

/**
 * The places by user id: a hash table of records without objects. A search for a place reads one
 * or two records on average, and the garbage collector does not visit the records.
 *
 * It is extendible hashing (Fagin and others, 1979). The lowest bits of the hash give an entry of
 * the directory, and this gives a segment. Other bits give the record in the segment; if another
 * user has this record, the next ones are tried. A full segment is cut in two, so no cut moves
 * more than `segmentMax` places. With many places, the records take 115 to 240 bytes per place.
 * The memory of removed places is kept for the next ones.
 */
export class PlaceTable {
  readonly #hash: UserHash;
  readonly #chunks: Records[] = [];
  /** The records of a segment while they are put in again. */
  readonly #out = new Records(segmentRecords);
  /** The segment of each value of the lowest bits of a hash. */
  #directory = new Int32Array(1);
  /** For each segment, how many of the lowest bits of the hash all its places share. */
  readonly #depths: number[] = [];
  /** For each segment, its places. */
  readonly #sizes: number[] = [];

  constructor(hash = new UserHash()) {
    this.#hash = hash;
    this.#addSegment();
  }

  find(userId: string): Place | undefined {
    const { words } = this.#hash;
    this.#hash.of(userId);
    const segment = this.#segmentOf(words);
    const records = this.#recordsOf(segment);
    const record = this.#search(records, segment, words);
    return records.isUsed(record) ? new Place(userId, records, record) : undefined;
  }

  /** @param userId a user without a place */
  add(userId: string, number: number, expiresAt: number): Place {
    const { words } = this.#hash;
    this.#hash.of(userId);
    while (this.#sizes[this.#segmentOf(words)] === segmentMax) this.#cut(this.#segmentOf(words));
    const segment = this.#segmentOf(words);
    this.#sizes[segment] = (this.#sizes[segment] as number) + 1;
    const records = this.#recordsOf(segment);
    const record = this.#search(records, segment, words);
    records.setHash(record, words);
    const place = new Place(userId, records, record);
    place.begin(number, expiresAt);
    return place;
  }

  /** @param userId a user with a place */
  remove(userId: string): void {
    const { words } = this.#hash;
    this.#hash.of(userId);
    const segment = this.#segmentOf(words);
    this.#sizes[segment] = (this.#sizes[segment] as number) - 1;
    const records = this.#recordsOf(segment);
    let hole = this.#search(records, segment, words);
    // A search ends at the first unused record. So a later record moves into the hole if its search
    // would pass the hole.
    for (let record = next(hole); records.isUsed(record); record = next(record)) {
      const home = homeOf(records.hashOf(record)[1] as number);
      if (((record - home) & recordMask) < ((record - hole) & recordMask)) continue;
      records.take(hole, records, record);
      hole = record;
    }
    records.clear(hole);
  }

  /**
   * Removes all places for which `isKept` returns false.
   * @param isKept called with places whose user id is unknown and therefore empty
   */
  keepOnly(isKept: (place: Place) => boolean): void {
    for (const segment of this.#sizes.keys()) this.#refill(segment, isKept);
  }

  #segmentOf(words: Int32Array): number {
    return this.#directory[(words[0] as number) & (this.#directory.length - 1)] as number;
  }

  #recordsOf(segment: number): Records {
    return this.#chunks[chunkOf(segment)] as Records;
  }

  /** The record of a hash in its segment, or the unused record where the search ends. */
  #search(records: Records, segment: number, words: Int32Array): number {
    let record = firstOf(segment) + homeOf(words[1] as number);
    while (records.isUsed(record) && !records.hasHash(record, words)) record = next(record);
    return record;
  }

  /** Moves about half of the places of a segment to a new one. */
  #cut(segment: number): void {
    const depth = this.#depths[segment] as number;
    if (2 ** depth === this.#directory.length) {
      const directory = new Int32Array(2 ** (depth + 1));
      directory.set(this.#directory);
      directory.set(this.#directory, this.#directory.length);
      this.#directory = directory;
    }
    const other = this.#addSegment();
    this.#depths[segment] = this.#depths[other] = depth + 1;
    this.#directory = this.#directory.map((one, bits) =>
      one === segment && ((bits >> depth) & 1) === 1 ? other : one,
    );
    this.#refill(segment, () => true);
  }

  #addSegment(): number {
    const segment = this.#sizes.length;
    const chunk = chunkOf(segment);
    this.#chunks[chunk] ??= new Records((segment === 0 ? 1 : chunkSegments) * segmentRecords);
    this.#sizes.push(0);
    this.#depths.push(0);
    return segment;
  }

  /** Takes the places out of a segment, and puts those that are kept where they belong now. */
  #refill(segment: number, isKept: (place: Place) => boolean): void {
    const out = this.#out;
    this.#recordsOf(segment).moveTo(out, firstOf(segment), segmentRecords);
    this.#sizes[segment] = 0;
    for (let record = 0; record < segmentRecords; record += 1) {
      if (!out.isUsed(record) || !isKept(new Place('', out, record))) continue;
      const words = out.hashOf(record);
      const to = this.#segmentOf(words);
      const records = this.#recordsOf(to);
      records.take(this.#search(records, to, words), out, record);
      this.#sizes[to] = (this.#sizes[to] as number) + 1;
    }
    // These records still have secrets of tokens.
    out.clear(0, segmentRecords);
  }
}

/** The chunk of memory of a segment. The first one has one segment. */
const chunkOf = (segment: number): number => Math.ceil(segment / chunkSegments);

/** The first record of a segment in its chunk. */
const firstOf = (segment: number): number =>
  segment === 0 ? 0 : ((segment - 1) % chunkSegments) * segmentRecords;

const homeOf = (word: number): number => word & recordMask;

/** The next record of the same segment. After the last comes the first. */
const next = (record: number): number => (record & ~recordMask) | ((record + 1) & recordMask);
