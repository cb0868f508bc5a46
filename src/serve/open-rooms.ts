import type { ServiceClock } from '../clock/service-clock.ts';
import type { Catalog } from '../commands/concert/catalog.ts';
import type { EventStore } from '../commands/core/event-store.ts';
import { type SteeredRooms, type Steering, steeringOf } from '../commands/steering/decider.ts';
import { lotMoments } from '../commands/steering/lot-times.ts';
import type { Config } from '../config.ts';
import type { RedisClient } from '../infrastructure/redis.ts';
import type { Counters } from '../metrics/counters.ts';
import { QueueJournal } from '../processes/queue-journal.ts';
import { InProcessQueue } from '../queue/in-process-queue.ts';
import type { QueueControl } from '../queue/queue-control.ts';
import type { QueueMove } from '../queue/queue-log.ts';
import { QueueRooms } from '../queue/queue-rooms.ts';
import { RedisQueue } from '../queue/redis-queue.ts';

/** The queue of a room, and the journal of its moves. With QUEUE_LOG=off there is no journal. */
interface Room {
  readonly queue: RedisQueue | InProcessQueue;
  readonly journal: QueueJournal | undefined;
}

/** The rooms of a service, with their journals. */
export class Rooms extends QueueRooms<Room['queue']> {
  readonly #journals: Map<Room['queue'], QueueJournal>;

  constructor(open: (room: string) => Room) {
    const journals = new Map<Room['queue'], QueueJournal>();
    super((name) => {
      const { queue, journal } = open(name);
      if (journal !== undefined) journals.set(queue, journal);
      return queue;
    });
    this.#journals = journals;
  }

  /**
   * Restores a room before it serves anybody.
   * @throws EventStoreUnavailable
   */
  async restore(room: string): Promise<void> {
    const queue = this.of(room);
    const journal = this.#journals.get(queue);
    if (queue instanceof RedisQueue) await queue.rebuild();
    else if (journal !== undefined) queue.restore(await journal.read());
  }

  /** Writes the noted moves of all rooms. Never throws. */
  async flush(): Promise<void> {
    await Promise.all([...this.#journals.values()].map((journal) => journal.flush()));
  }
}

/** The rooms. Only the line of the shop is open. No server gets a request yet. */
export function openRooms(
  config: Config,
  {
    store,
    redis,
    clock,
    counters,
    onError,
  }: {
    readonly store: EventStore;
    readonly redis: RedisClient | undefined;
    readonly clock: ServiceClock;
    readonly counters: Pick<Counters, 'moved' | 'opened'>;
    readonly onError: (what: string, error: unknown) => void;
  },
): Rooms {
  const onLost = (moves: number, error: unknown) =>
    onError(`${moves} moves of the waiting queue are not in the log`, error);
  return new Rooms((room) => {
    counters.opened(room);
    const journal = config.keepsQueue
      ? new QueueJournal(store, clock.now, onLost, room)
      : undefined;
    if (redis !== undefined) {
      const kept = journal === undefined ? {} : { journal };
      const onMove = ([kind]: QueueMove) => counters.moved(kind, room);
      const options = { room, ...kept, onMove, onError };
      return { journal, queue: new RedisQueue(redis, config.queue, options) };
    }
    const onMove = (move: QueueMove) => {
      counters.moved(move[0], room);
      journal?.note(move);
    };
    const options = { room, now: clock.steady, onMove };
    return { journal, queue: new InProcessQueue(config.queue, options) };
  });
}

/** Restores all rooms before they serve anybody. Reports rooms that it cannot restore. */
export async function restoreRooms(
  rooms: Rooms,
  { rooms: names }: Pick<Catalog, 'rooms'>,
  onError: (what: string, error: unknown) => void,
): Promise<void> {
  for (const room of ['', ...names]) {
    await rooms.restore(room).catch((error) => onError('restore the waiting queue', error));
  }
}

/**
 * Gives the rooms their steering from the log. It also opens new rooms of the catalog, so a new
 * room is open before its first buyer comes.
 */
export function steerRooms(
  rooms: Rooms,
  catalog: Pick<Catalog, 'rooms'>,
): (steered: SteeredRooms) => void {
  return (steered) => {
    rooms.steer((room) => controlOf(steeringOf(steered, room)));
    for (const room of catalog.rooms) {
      if (rooms.has(room)) continue;
      const queue = rooms.of(room);
      // A room in memory begins empty. Redis may have its state, so ask Redis once.
      if (queue instanceof RedisQueue) void queue.rebuild();
    }
  };
}

/** A room's steering in the form of its queue. */
export function controlOf({ lot, ...steering }: Steering): QueueControl {
  if (lot === null) return { ...steering, lot };
  const { fromMs, closesMs, joinedMs, opensMs } = lotMoments(lot);
  return {
    ...steering,
    lot: {
      fromNumber: fromMs * 1_000,
      untilNumber: closesMs * 1_000,
      seed: lot.seed ?? '',
      toldAtMs: joinedMs ?? opensMs,
      opensAtMs: opensMs,
    },
  };
}
