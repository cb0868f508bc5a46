/** Numbers of one block. A change moves up to this many; a line has a block per this many. */
const blockMax = 512;

/** What stands in a line: nothing of it is kept but its number, which no other one of it has. */
export interface Numbered {
  readonly number: number;
}

/**
 * A line of people by number: join, leave, and know how many stand in front. It is a sorted list of
 * the numbers, cut into blocks that lie in one piece each: a rank takes two binary searches, and a
 * line of a million is hardly slower than one of a thousand, as few places in memory are read. To
 * join or to leave takes a step per block behind, too: 2,000 of a million. 8 bytes a number.
 */
export class RankedLine {
  /** In order; none is empty. */
  readonly #blocks: Float64Array[] = [];
  /** The first number of each block, side by side: to look into the blocks would take longer. */
  readonly #firsts: number[] = [];
  readonly #sizes: number[] = [];
  /** Numbers in the blocks in front of each. */
  readonly #before: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Joins behind all with smaller numbers. Its number must not be in the line. */
  add({ number }: Numbered): void {
    let at = Math.max(0, this.#blockOf(number));
    let size = this.#sizes[at];
    if (size === undefined || size === blockMax) {
      at = this.#makeRoom(at, number);
      size = this.#sizes[at] as number;
    }
    const block = this.#blocks[at] as Float64Array;
    const index = below(block, size, number);
    block.copyWithin(index + 1, index, size);
    block[index] = number;
    if (index === 0) this.#firsts[at] = number;
    this.#resize(at, 1);
  }

  /** Leaves the line. Its number must be in it. */
  remove({ number }: Numbered): void {
    const at = this.#blockOf(number);
    const block = this.#blocks[at] as Float64Array;
    const size = this.#sizes[at] as number;
    const index = below(block, size, number);
    block.copyWithin(index, index + 1, size);
    this.#firsts[at] = block[0] as number;
    this.#resize(at, -1);
    if (size === 1) this.#drop(at);
    else this.#mergeWithNext(at);
  }

  /** How many stand in front of one of the line. */
  ahead({ number }: Numbered): number {
    const at = this.#blockOf(number);
    const block = this.#blocks[at] as Float64Array;
    return (this.#before[at] as number) + below(block, this.#sizes[at] as number, number);
  }

  /** The last block that begins with this number or a smaller one; −1 when none does. */
  #blockOf(number: number): number {
    const firsts = this.#firsts;
    let [from, to] = [0, firsts.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((firsts[middle] as number) <= number) from = middle + 1;
      else to = middle;
    }
    return from - 1;
  }

  /** Cuts a full block in two, or begins another one behind the last. @returns whose turn it is */
  #makeRoom(at: number, number: number): number {
    const block = this.#blocks[at];
    const isAtBack = at >= this.#blocks.length - 1;
    if (block === undefined || (isAtBack && number > (block[blockMax - 1] as number))) {
      this.#insert(this.#blocks.length, new Float64Array(blockMax), 0);
      return this.#blocks.length - 1;
    }
    const half = blockMax / 2;
    const back = new Float64Array(blockMax);
    back.set(block.subarray(half));
    this.#sizes[at] = half;
    this.#insert(at + 1, back, half);
    return number < (back[0] as number) ? at : at + 1;
  }

  /** So the blocks stay as many as the numbers need, whoever leaves. */
  #mergeWithNext(at: number): void {
    const size = this.#sizes[at] as number;
    const next = this.#sizes[at + 1];
    if (next === undefined || size + next > blockMax / 2) return;
    const block = this.#blocks[at] as Float64Array;
    block.set((this.#blocks[at + 1] as Float64Array).subarray(0, next), size);
    this.#sizes[at] = size + next;
    this.#drop(at + 1);
  }

  #insert(at: number, block: Float64Array, size: number): void {
    const before =
      at === 0 ? 0 : (this.#before[at - 1] as number) + (this.#sizes[at - 1] as number);
    this.#blocks.splice(at, 0, block);
    this.#firsts.splice(at, 0, block[0] as number);
    this.#sizes.splice(at, 0, size);
    this.#before.splice(at, 0, before);
  }

  #drop(at: number): void {
    this.#blocks.splice(at, 1);
    this.#firsts.splice(at, 1);
    this.#sizes.splice(at, 1);
    this.#before.splice(at, 1);
  }

  #resize(at: number, by: number): void {
    const before = this.#before;
    this.#sizes[at] = (this.#sizes[at] as number) + by;
    this.#size += by;
    for (let behind = at + 1; behind < before.length; behind += 1) {
      before[behind] = (before[behind] as number) + by;
    }
  }
}

/** How many of a block's first `size` numbers are below one. */
function below(block: Float64Array, size: number, number: number): number {
  let [from, to] = [0, size];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((block[middle] as number) < number) from = middle + 1;
    else to = middle;
  }
  return from;
}
