/** An admission: its time in milliseconds since the epoch, and the number of the place. */
export interface Admission {
  readonly atMs: number;
  readonly number: number;
}

/**
 * The number of kept admissions of each kind. Above it, those that are no longer needed are
 * dropped.
 */
const keptMax = 100_000;

/**
 * The admissions of a room that show who was passed. It keeps admissions with a number above all
 * earlier ones, because only these pass a user for the first time. It keeps the others, of users
 * who came back, separately. Each takes 16 bytes, and is dropped when it no longer concerns a
 * waiting user.
 */
export class RoomAdmissions {
  #steps: Admission[] = [];
  #returns: Admission[] = [];

  /** @param waiting returns the lowest waiting number; called from time to time */
  add(admission: Admission, waiting: () => number): void {
    const last = this.#steps.at(-1);
    if (last === undefined || admission.number > last.number) this.#steps.push(admission);
    else this.#returns.push(admission);
    if (this.#steps.length > keptMax) {
      const lowest = waiting();
      this.#steps = this.#steps.filter(({ number }) => number > lowest);
    }
    // All users who waited before them are already checked, except users who were absent for long.
    if (this.#returns.length > keptMax) this.#returns = this.#returns.slice(keptMax / 2);
  }

  /** The admissions that passed a number between two times, both excluded, in their order. */
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

/**
 * The index of the first fitting element. The elements before it do not fit, and all later ones do.
 */
function firstIndex(list: readonly Admission[], fits: (one: Admission) => boolean): number {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (fits(list[middle] as Admission)) to = middle;
    else from = middle + 1;
  }
  return from;
}
