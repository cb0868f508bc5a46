import { randomFillSync } from 'node:crypto';

/** The number of 32-bit words of a hash, and of a key. */
export const hashWords = 4;

/**
 * A hash of 128 bits of a user id, with a secret key. Without the key, nobody can choose ids with
 * equal or similar hashes. Two of 1,000,000 users have the same hash with a probability of about
 * 10⁻²⁷. So a hash identifies its user.
 *
 * It is HalfSipHash-2-4, twice, with two halves of the key. The input is the id's UTF-16 code
 * units, each as two bytes with the lower one first. Source: Aumasson and Bernstein, "SipHash: a
 * fast short-input PRF", and https://github.com/veorq/SipHash.
 */
export class UserHash {
  /** The hash of the last call of `of`. */
  readonly words = new Int32Array(hashWords);
  readonly #key: Int32Array;

  /** @param key `hashWords` words. By default, they are random */
  constructor(key: Int32Array = randomFillSync(new Int32Array(hashWords))) {
    this.#key = key;
  }

  /**
   * Sets `words` to the hash of an id. `v` and `w` are the states of the two HalfSipHash. They do
   * not depend on each other, so a processor works on both at the same time.
   */
  of(userId: string): void {
    const [k0, k1] = [this.#key[0] as number, this.#key[1] as number];
    const [k2, k3] = [this.#key[2] as number, this.#key[3] as number];
    let [v0, v1, v2, v3] = [k0, k1 ^ 0xee, k0 ^ 0x6c796765, k1 ^ 0x74656462];
    let [w0, w1, w2, w3] = [k2, k3 ^ 0xee, k2 ^ 0x6c796765, k3 ^ 0x74656462];
    // Two rounds for each word of the input, then two times four rounds without input.
    const inputRounds = (userId.length & ~1) + 2;
    for (let round = 0; round < inputRounds + 8; round += 1) {
      const word = round < inputRounds ? wordAt(userId, round & ~1) : 0;
      if ((round & 1) === 0) {
        v3 ^= word;
        w3 ^= word;
      }
      if (round === inputRounds) {
        v2 ^= 0xee;
        w2 ^= 0xee;
      }
      if (round === inputRounds + 4) {
        this.words[0] = v1 ^ v3;
        this.words[2] = w1 ^ w3;
        v1 ^= 0xdd;
        w1 ^= 0xdd;
      }
      v0 = (v0 + v1) | 0;
      w0 = (w0 + w1) | 0;
      v1 = rotated(v1, 5) ^ v0;
      w1 = rotated(w1, 5) ^ w0;
      v0 = rotated(v0, 16);
      w0 = rotated(w0, 16);
      v2 = (v2 + v3) | 0;
      w2 = (w2 + w3) | 0;
      v3 = rotated(v3, 8) ^ v2;
      w3 = rotated(w3, 8) ^ w2;
      v0 = (v0 + v3) | 0;
      w0 = (w0 + w3) | 0;
      v3 = rotated(v3, 7) ^ v0;
      w3 = rotated(w3, 7) ^ w0;
      v2 = (v2 + v1) | 0;
      w2 = (w2 + w1) | 0;
      v1 = rotated(v1, 13) ^ v2;
      w1 = rotated(w1, 13) ^ w2;
      v2 = rotated(v2, 16);
      w2 = rotated(w2, 16);
      if ((round & 1) === 1) {
        v0 ^= word;
        w0 ^= word;
      }
    }
    this.words[1] = v1 ^ v3;
    this.words[3] = w1 ^ w3;
  }
}

/** Two code units of the input as a word. The last word has the length in bytes in its top byte. */
function wordAt(text: string, index: number): number {
  const { length } = text;
  if (index + 1 < length) return text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16);
  return (index < length ? text.charCodeAt(index) : 0) | (length << 25);
}

const rotated = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));
