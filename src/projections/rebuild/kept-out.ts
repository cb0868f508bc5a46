import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';
import type { LogPosition } from '../../events/log-position.ts';
import type { Announced } from '../../events/skipped.ts';
import type { Step } from '../log-step.ts';
import { ParkedStreams } from '../parking/parked-streams.ts';
import { type ParkedStreamRow, readParked } from '../parking/parked-table.ts';

/**
 * The events that stay out of the new tables. These are the events that are parked in the live
 * tables, so that both have the same events. They are also the events that were skipped when the
 * new tables were begun.
 */
export class KeptOut {
  readonly #parked: readonly ParkedStreamRow[];
  readonly #skipped: readonly Announced[];
  readonly #parkedStreams: ParkedStreams;

  /** @param skipped the skips that were known when the new tables were begun */
  constructor(parked: readonly ParkedStreamRow[], skipped: readonly Announced[]) {
    this.#parked = parked;
    this.#skipped = skipped;
    this.#parkedStreams = new ParkedStreams(parked);
  }

  /**
   * Reads the parked streams of the live tables. Read the tables' position before. Then the result
   * has every stream that is parked up to that position.
   * @param live their schema
   */
  static async read(
    client: ClientBase,
    live: string,
    skipped: readonly Announced[],
  ): Promise<KeptOut> {
    return new KeptOut(await readParked(client, live), skipped);
  }

  get streams(): number {
    return this.#parked.length;
  }

  /**
   * A digest of the events that are parked or skipped up to a position; empty if there are none.
   * While the digest is the same, the rows up to there are right. It changes when events are
   * retried or skipped.
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

  /** The steps in the form in which they are written: an event that is kept out changes nothing. */
  sort(steps: readonly Step[]): readonly Step[] {
    return this.#parkedStreams.withoutParked(steps);
  }

  /** The first step that cannot be read and is not kept out. */
  unreadable(steps: readonly Step[]): Step | undefined {
    return this.#parkedStreams.firstUnreadable(steps);
  }
}
