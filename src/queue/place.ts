import assert from 'node:assert/strict';
import { fillSecret, secretBytes } from './token.ts';
import { hashWords } from './user-hash.ts';

/**
 * The parts of a record in a `PlaceTable`, in this order: the hash of the user id, numbers of 8
 * bytes, numbers of 4 bytes, and the secret.
 */
const floats = { number: 2, rank: 3, expiresAt: 4, admittedAt: 5, listedAt: 6 } as const;
const ints = { rankedFor: 14, rest: 15 } as const;
const secretAt = 64;

/** The size of a record, in bytes. */
export const recordBytes = secretAt + secretBytes;
const recordFloats = recordBytes / 8;
const recordInts = recordBytes / 4;

/**
 * `away`: the user waits and keeps the number, but is not in the line. `none`: the record has no
 * place.
 */
const states = ['none', 'there', 'away', 'admitted', 'claimed'] as const;
type State = (typeof states)[number];

/** `rest` has the state in its lowest bits, and `lineIndex` in the others. */
const stateBits = 3;
const stateMask = (1 << stateBits) - 1;

/** Memory for records, with three views of the same bytes. */
export class Records {
  /** Counts the changes of records. Each of them makes every earlier `Place` of it invalid. */
  changes = 0;
  readonly ints: Int32Array;
  readonly floats: Float64Array;
  readonly bytes: Buffer;

  constructor(count: number) {
    const memory = new ArrayBuffer(count * recordBytes);
    this.ints = new Int32Array(memory);
    this.floats = new Float64Array(memory);
    this.bytes = Buffer.from(memory);
  }

  isUsed(record: number): boolean {
    return ((this.ints[record * recordInts + ints.rest] as number) & stateMask) !== 0;
  }

  /** A view of the hash of the record's user. */
  hashOf(record: number): Int32Array {
    return this.ints.subarray(record * recordInts, record * recordInts + hashWords);
  }

  hasHash(record: number, words: Int32Array): boolean {
    const first = record * recordInts;
    for (let word = 0; word < hashWords; word += 1) {
      if (this.ints[first + word] !== words[word]) return false;
    }
    return true;
  }

  setHash(record: number, words: Int32Array): void {
    this.changes += 1;
    this.ints.set(words, record * recordInts);
  }

  /** Copies a record of the same or of other memory to the record `to`. */
  take(to: number, from: Records, record: number): void {
    const first = record * recordInts;
    this.changes += 1;
    this.ints.set(from.ints.subarray(first, first + recordInts), to * recordInts);
  }

  clear(record: number, count = 1): void {
    this.changes += 1;
    this.ints.fill(0, record * recordInts, (record + count) * recordInts);
  }

  /** Moves adjacent records to other memory, from its first record on. */
  moveTo(out: Records, first: number, count: number): void {
    out.ints.set(this.ints.subarray(first * recordInts, (first + count) * recordInts));
    this.clear(first, count);
  }
}

/**
 * One user's place, admitted or waiting. The object only knows its user and where the record of the
 * place is, so a million places are few objects. It is valid until any place is added or removed,
 * also this one. After that, the record may be empty or belong to another user. A later use throws
 * if the same `Records` changed.
 */
export class Place {
  readonly userId: string;
  readonly #records: Records;
  readonly #number: number;
  readonly #changes: number;

  constructor(userId: string, records: Records, record: number) {
    this.userId = userId;
    this.#records = records;
    this.#number = record;
    this.#changes = records.changes;
  }

  /** Begins an empty record, which has the hash of its user already. */
  begin(number: number, expiresAt: number): void {
    this.#set(floats.number, number);
    this.rank = number;
    this.expiresAt = expiresAt;
    this.listedAt = -1;
    this.state = 'away';
    fillSecret(this.#records.bytes, this.#record * recordBytes + secretAt);
  }

  get number(): number {
    return this.#get(floats.number);
  }

  /** For a user who is `there`, the rank in the line: the number, or the rank by lot. */
  get rank(): number {
    return this.#get(floats.rank);
  }

  set rank(rank: number) {
    this.#set(floats.rank, rank);
  }

  /** For a user who is `there`: the version of the steering for which `rank` was computed. */
  get rankedFor(): number {
    return this.#records.ints[this.#record * recordInts + ints.rankedFor] as number;
  }

  set rankedFor(version: number) {
    this.#records.ints[this.#record * recordInts + ints.rankedFor] = version;
  }

  /**
   * For a present user, the time when the next poll is overdue. For the others, the end of the
   * place.
   */
  get expiresAt(): number {
    return this.#get(floats.expiresAt);
  }

  set expiresAt(time: number) {
    this.#set(floats.expiresAt, time);
  }

  /** For a waiting user: the time of the last admission, if the user did not claim it; else 0. */
  get admittedAt(): number {
    return this.#get(floats.admittedAt);
  }

  set admittedAt(time: number) {
    this.#set(floats.admittedAt, time);
  }

  /** See `EndsByPage`. */
  get listedAt(): number {
    return this.#get(floats.listedAt);
  }

  set listedAt(time: number) {
    this.#set(floats.listedAt, time);
  }

  get state(): State {
    return states[this.#rest & stateMask] as State;
  }

  set state(state: State) {
    this.#rest = (this.#rest & ~stateMask) | states.indexOf(state);
  }

  /** See `RankedLine`. */
  get lineIndex(): number {
    return this.#rest >> stateBits;
  }

  set lineIndex(index: number) {
    this.#rest = (this.#rest & stateMask) | (index << stateBits);
  }

  get isInside(): boolean {
    const { state } = this;
    return state === 'admitted' || state === 'claimed';
  }

  get secret(): string {
    const start = this.#record * recordBytes + secretAt;
    return this.#records.bytes.toString('base64url', start, start + secretBytes);
  }

  get #rest(): number {
    return this.#records.ints[this.#record * recordInts + ints.rest] as number;
  }

  set #rest(value: number) {
    this.#records.ints[this.#record * recordInts + ints.rest] = value;
  }

  get #record(): number {
    assert(this.#records.changes === this.#changes, 'a place was used after another change');
    return this.#number;
  }

  #get(part: number): number {
    return this.#records.floats[this.#record * recordFloats + part] as number;
  }

  #set(part: number, value: number): void {
    this.#records.floats[this.#record * recordFloats + part] = value;
  }
}
