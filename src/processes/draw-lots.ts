import { randomBytes, randomUUID } from 'node:crypto';
import { CommandHandler } from '../commands/core/command-handler.ts';
import type { EventStore } from '../commands/core/event-store.ts';
import { type SteeredRooms, steeringDecider } from '../commands/steering/decider.ts';
import { lotMoments } from '../commands/steering/lot-times.ts';
import { steeringStream } from '../events/streams.ts';

/** Random bytes of a seed: nobody can guess one, or choose user ids for it. */
const seedBytes = 32;

/**
 * Draws the due lots of rooms. Every instance tries. The log accepts only the first seed of a lot,
 * and all instances use this one.
 */
export class DrawLots {
  readonly #handler: CommandHandler<
    SteeredRooms,
    Parameters<typeof steeringDecider.decide>[0],
    Parameters<typeof steeringDecider.evolve>[1],
    'changed' | 'unchanged'
  >;
  readonly #now: () => number;

  /** @param now milliseconds since the epoch */
  constructor(store: EventStore, now: () => number) {
    this.#handler = new CommandHandler(store, steeringDecider);
    this.#now = now;
  }

  /**
   * @returns whether a lot was drawn, here or on another instance
   * @throws EventStoreUnavailable; Error if the log refused it
   */
  async draw({ rooms }: SteeredRooms): Promise<boolean> {
    const due = [...rooms].filter(
      ([, { lot }]) => lot !== null && lot.seed === null && this.#now() >= lotMoments(lot).drawMs,
    );
    for (const [room, { lot }] of due) {
      const seed = randomBytes(seedBytes).toString('hex');
      const at = new Date(this.#now()).toISOString();
      const command = { type: 'DrawLot', room, opensAt: lot?.opensAt ?? '', seed, at } as const;
      const ids = { commandId: randomUUID() };
      const result = await this.#handler.execute(steeringStream, command, ids);
      if (!result.ok) throw new Error(result.refusal.detail);
    }
    return due.length > 0;
  }
}
