import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { LogPosition } from '../../events/log-position.ts';
import type { Step } from '../backlog.ts';
import { readParked, type StoredParked } from '../parked.ts';
import { Parking } from '../parking.ts';

/** What is parked in the live tables and stays out of the new ones, so that both have the same events. */
export class Kept {
  private readonly parked: readonly StoredParked[];
  private readonly parking: Parking;

  private constructor(parked: readonly StoredParked[]) {
    this.parked = parked;
    this.parking = new Parking(parked);
  }

  static readonly nothing = new Kept([]);

  /**
   * As the live tables have it. Who has read before where they are knows every stream that is parked up to there.
   * @param live their schema
   */
  static async read(client: ClientBase, live: string): Promise<Kept> {
    return new Kept(await readParked(client, live));
  }

  get streams(): number {
    return this.parked.length;
  }

  /**
   * Of what is parked up to a position; empty when nothing is. While it is the same, what was written up to there fits;
   * events that were retried make another.
   */
  digest(position: LogPosition | null): string {
    const upTo = this.parked.filter((one) => position !== null && one.position <= position.commit);
    if (upTo.length === 0) return '';
    const hash = createHash('sha256');
    for (const one of upTo) hash.update(`${one.stream} ${one.position}\n`);
    return hash.digest('hex');
  }

  /** The steps as they are written: what is kept out changes nothing. */
  sort(steps: readonly Step[]): readonly Step[] {
    return this.parking.shown(steps);
  }

  /** The first that cannot be read and is not kept out. */
  unreadable(steps: readonly Step[]): Step | undefined {
    return this.parking.missed(steps);
  }
}
