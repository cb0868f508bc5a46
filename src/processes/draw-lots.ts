import { randomBytes, randomUUID } from 'node:crypto';
import { CommandHandler } from '../commands/core/command-handler.ts';
import type { EventStore } from '../commands/core/event-store.ts';
import { type SteeredRooms, steeringDecider } from '../commands/steering/decider.ts';
import { lotMoments } from '../commands/steering/lot-times.ts';
import { steeringStream } from '../events/streams.ts';

/** Random bytes of a seed: nobody can guess one, or choose user ids for it. */
const seedBytes = 32;

/**
 * Draws the lots of rooms that are due. Every instance tries: the log takes the first seed of a
 * lot, and all instances go by that one.
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
   * @returns whether one was drawn, here or elsewhere
   * @throws EventStoreUnavailable; Error when the log did not take it
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
