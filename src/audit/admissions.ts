/** An admission: when, in milliseconds since the epoch, and of which number. */
export interface Admission {
  readonly atMs: number;
  readonly number: number;
}

/** Admissions kept of each kind before those that tell nothing any more are dropped. */
const keptMax = 100_000;

/**
 * The admissions of a room, as far as they say who was passed. Kept are those of a number above all
 * before it, since only they pass anybody for the first time, and apart from them the others, who
 * came back: 16 bytes each, until they tell nothing of those who wait.
 */
export class RoomAdmissions {
  #steps: Admission[] = [];
  #returns: Admission[] = [];

  /** @param waiting the lowest number that waits, asked for now and then */
  add(admission: Admission, waiting: () => number): void {
    const last = this.#steps.at(-1);
    if (last === undefined || admission.number > last.number) this.#steps.push(admission);
    else this.#returns.push(admission);
    if (this.#steps.length > keptMax) {
      const lowest = waiting();
      this.#steps = this.#steps.filter(({ number }) => number > lowest);
    }
    // Whoever waited before them is judged by now, but for those who were away for long.
    if (this.#returns.length > keptMax) this.#returns = this.#returns.slice(keptMax / 2);
  }

  /** Those that passed a number between two moments, both excluded, in their order. */
  *passing(number: number, fromMs: number, untilMs: number): Generator<Admission> {
    const begin = firstIndex(this.#steps, (step) => step.number > number && step.atMs > fromMs);
    for (let at = begin; at < this.#steps.length; at += 1) {
      const step = this.#steps[at] as Admission;
      if (step.atMs >= untilMs) return;
      yield step;
    }
  }

  /** Was anybody in front of a number admitted between two moments, both included? */
  hasInFront(number: number, fromMs: number, untilMs: number): boolean {
    let at = firstIndex(this.#returns, ({ atMs }) => atMs >= fromMs);
    for (; at < this.#returns.length; at += 1) {
      const { atMs, number: returned } = this.#returns[at] as Admission;
      if (atMs > untilMs) return false;
      if (returned < number) return true;
    }
    return false;
  }
}

/** The first of a list, of which some at the start do not fit and all others do. */
function firstIndex(list: readonly Admission[], fits: (one: Admission) => boolean): number {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (fits(list[middle] as Admission)) to = middle;
    else from = middle + 1;
  }
  return from;
}
