import { InProcessQueue } from '../../../src/queue/in-process-queue.ts';
import { QueueRooms } from '../../../src/queue/queue-rooms.ts';
import type { QueueSettings, WaitingQueue } from '../../../src/queue/waiting-queue.ts';

/** Small numbers, so that tests reach the limits. */
export const testSettings: QueueSettings = {
  admittedMax: 2,
  waitingMax: 1_000,
  claimMs: 30_000,
  admittedMs: 300_000,
  placeMaxMs: 900_000,
  waitingMs: 150_000,
  pauseMaxMs: 20_000,
  afterPaymentMs: 5_000,
};

/** A clock that stands still until it is moved. */
export class TestClock {
  ms = Date.UTC(2030, 0, 1);
  readonly now = (): number => this.ms;
}

/** Rooms of their own, empty, whose pauses have no chance in them. */
export type OpenRooms = (
  settings: QueueSettings,
  now: () => number,
) => Promise<{ rooms: QueueRooms; close(): Promise<void> }>;

/** A queue of its own, empty, whose pauses have no chance in them. */
export type OpenQueue = (
  settings: QueueSettings,
  now: () => number,
) => Promise<{ queue: WaitingQueue; close(): Promise<void> }>;

export const openInProcess: OpenQueue = async (settings, now) => {
  const queue = new InProcessQueue(settings, { now, chance: () => 0 });
  return { queue, close: () => queue.close() };
};

export const openRoomsInProcess: OpenRooms = async (settings, now) => {
  const options = { now, chance: () => 0 };
  const rooms = new QueueRooms((room) => new InProcessQueue(settings, { room, ...options }));
  return { rooms, close: () => rooms.close() };
};
