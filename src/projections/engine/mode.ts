import assert from 'node:assert/strict';

/**
 * The mode of the engine of one instance. It is in one mode at a time:
 *
 * - `following`: it reads the log, and shows the events that another instance has committed.
 * - `leading`: it has the leader lock, writes the tables, and shows what it has committed.
 * - `building`: the tables are an older version's. Nothing is shown while new ones are built.
 * - `stopped`: it met an error for which no retry helps. It writes nothing more, but still shows
 *   the commits of another instance. An instance of a newer version may be able to continue.
 *
 * It begins in `following`. These are all transitions:
 *
 *     following → leading     lead()     no other instance has the lock
 *     leading   → following   follow()   its connection is lost, and the lock with it
 *     following → building    build()    the tables are an older version's
 *     building  → following   follow()   the new tables are in place
 *     any other → stopped     stop()     see above; `stopped` is left only when the process ends
 */
export type ModeName = 'following' | 'leading' | 'building' | 'stopped';

/** The mode that the parts of an engine share. Each method asserts that its transition is one. */
export class Mode {
  #now: ModeName = 'following';

  get now(): ModeName {
    return this.#now;
  }

  get isFollowing(): boolean {
    return this.#now === 'following';
  }

  get isLeading(): boolean {
    return this.#now === 'leading';
  }

  get isStopped(): boolean {
    return this.#now === 'stopped';
  }

  lead(): void {
    this.#enter('leading', ['following']);
  }

  follow(): void {
    this.#enter('following', ['leading', 'building']);
  }

  build(): void {
    this.#enter('building', ['following']);
  }

  stop(): void {
    this.#enter('stopped', ['following', 'leading', 'building']);
  }

  #enter(next: ModeName, from: readonly ModeName[]): void {
    assert(from.includes(this.#now), `an engine that is ${this.#now} cannot be ${next} next`);
    this.#now = next;
  }
}
