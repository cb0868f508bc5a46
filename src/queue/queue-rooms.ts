import type { QueueControl } from './queue-control.ts';
import type { QueueCounts, WaitingQueue } from './waiting-queue.ts';

/**
 * The rooms of the waiting queue. Each room has its own queue, independent of the others. The room
 * '' is the line of the shop. A room is opened at its first use, and then kept. The caller bounds
 * the names: it uses only rooms of the catalog.
 */
export class QueueRooms<Queue extends WaitingQueue = WaitingQueue> {
  readonly #open: (room: string) => Queue;
  readonly #rooms = new Map<string, Queue>();
  #controlOf: ((room: string) => QueueControl) | undefined;

  /** @param open makes the queue of a room */
  constructor(open: (room: string) => Queue) {
    this.#open = open;
    this.of('');
  }

  /** The queue of a room. */
  of(room: string): Queue {
    const known = this.#rooms.get(room);
    if (known !== undefined) return known;
    const queue = this.#open(room);
    this.#rooms.set(room, queue);
    if (this.#controlOf !== undefined) queue.steer(this.#controlOf(room));
    return queue;
  }

  /** Is it open? */
  has(room: string): boolean {
    return this.#rooms.has(room);
  }

  /** The names of the open rooms; '' is one of them. */
  get names(): readonly string[] {
    return [...this.#rooms.keys()];
  }

  /** How the rooms are steered from now on, also those that are opened later. */
  steer(controlOf: (room: string) => QueueControl): void {
    this.#controlOf = controlOf;
    for (const [room, queue] of this.#rooms) queue.steer(controlOf(room));
  }

  /**
   * The counts of the rooms that were opened first, by name; the line of the shop is one of them.
   * @throws QueueUnavailable
   */
  async counts(roomsMax: number): Promise<ReadonlyMap<string, QueueCounts>> {
    const rooms = [...this.#rooms].slice(0, roomsMax);
    const counts = await Promise.all(rooms.map(([, queue]) => queue.counts()));
    return new Map(rooms.map(([room], n) => [room, counts[n] as QueueCounts]));
  }

  /** Can the queue be reached and written to? Never throws. */
  reachable(timeoutMs: number): Promise<boolean> {
    return this.of('').reachable(timeoutMs);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#rooms.values()].map((queue) => queue.close()));
  }
}
