import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { LogPosition } from '../../events/log-position.ts';
import type { Announced } from '../../events/skipped.ts';
import type { Step } from '../log-step.ts';
import { Parking } from '../parking/parked-streams.ts';
import { readParked, type StoredParked } from '../parking/parked-table.ts';

/**
 * What is parked in the live tables and stays out of the new ones, so that both have the same events; and what is skipped, which
 * is in no tables that were begun since.
 */
export class Kept {
  readonly #parked: readonly StoredParked[];
  readonly #skipped: readonly Announced[];
  readonly #parking: Parking;

  /** @param skipped as it was known when the new tables were begun to be filled */
  constructor(parked: readonly StoredParked[], skipped: readonly Announced[]) {
    this.#parked = parked;
    this.#skipped = skipped;
    this.#parking = new Parking(parked);
  }

  /**
   * As the live tables have it. Who has read before where they are knows every stream that is parked up to there.
   * @param live their schema
   */
  static async read(
    client: ClientBase,
    live: string,
    skipped: readonly Announced[],
  ): Promise<Kept> {
    return new Kept(await readParked(client, live), skipped);
  }

  get streams(): number {
    return this.#parked.length;
  }

  /**
   * Of what is parked or skipped up to a position; empty when nothing is. While it is the same, what was written up to
   * there fits; events that were retried or skipped since make another.
   */
  digest(position: LogPosition | null): string {
    const isUpTo = (one: { readonly position: bigint }) =>
      position !== null && one.position <= position.commit;
    const parked = this.#parked.filter(isUpTo);
    const skipped = this.#skipped.filter(isUpTo);
    if (parked.length + skipped.length === 0) return '';
    const hash = createHash('sha256');
    for (const one of parked) hash.update(`${one.stream} ${one.position}\n`);
    for (const { eventId } of skipped) hash.update(`skipped ${eventId}\n`);
    return hash.digest('hex');
  }

  /** The steps as they are written: what is kept out changes nothing. */
  sort(steps: readonly Step[]): readonly Step[] {
    return this.#parking.shown(steps);
  }

  /** The first that cannot be read and is not kept out. */
  unreadable(steps: readonly Step[]): Step | undefined {
    return this.#parking.missed(steps);
  }
}
