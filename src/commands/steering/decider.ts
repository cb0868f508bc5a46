import { isDeepStrictEqual } from 'node:util';
import type { EventOf } from '../../events/events.ts';
import { type AtRevision, accept, type Decider } from '../core/decider.ts';
import { lotMoments } from './lot-times.ts';

/** How a room of the waiting queue is steered, by the steps in the log. */
export interface Steering {
  /** Revision of the room's last step; −1 before the first. */
  readonly revision: number;
  /** The number of places, instead of the setting; null: the setting counts. */
  readonly admittedMax: number | null;
  /** Admissions per minute; null: no limit. */
  readonly perMinute: number | null;
  readonly paused: boolean;
  readonly draining: boolean;
  /** The lot of users who enrol before the sale opens; null: there is no lot. */
  readonly lot: SteeredLot | null;
  /** Revision of the last step that emptied the line; −1: none did. */
  readonly clearedRevision: number;
}

/** The time before a sale opens in which places are given by lot. Times are ISO 8601 UTC. */
export interface LotTimes {
  readonly from: string;
  readonly opensAt: string;
}

/** `seed` and `drawnAt` are null until the lot is drawn. */
export type SteeredLot = LotTimes & {
  readonly seed: string | null;
  readonly drawnAt: string | null;
};

/** How all rooms are steered, by name; '' is the line of the shop. */
export interface SteeredRooms {
  /** Revision of the last step; −1 before the first. */
  readonly revision: number;
  readonly rooms: ReadonlyMap<string, Steering>;
}

/** The changes of one step. Values that it does not name stay. */
export interface SteeringChange {
  readonly admittedMax?: number | null;
  readonly perMinute?: number | null;
  readonly paused?: boolean;
  readonly draining?: boolean;
  readonly lot?: LotTimes | null;
}

export interface SteerQueue {
  readonly type: 'SteerQueue';
  /** '' for the line of the shop. */
  readonly room: string;
  readonly change: SteeringChange;
  /** Empties the line. Waiting users must enrol again. */
  readonly clear: boolean;
  readonly by: string;
  readonly reason: string;
  /** ISO 8601 UTC. */
  readonly at: string;
}

/**
 * Draws the lot of a room. If there are several seeds, the first one in the log counts for ever.
 */
export interface DrawLot {
  readonly type: 'DrawLot';
  readonly room: string;
  readonly opensAt: string;
  /** 32 random bytes in hexadecimal. */
  readonly seed: string;
  /** ISO 8601 UTC. */
  readonly at: string;
}

type SteeringEvent = EventOf<'QueueSteered' | 'QueueDrawn'>;

const unsteered: Steering = {
  ...{ revision: -1, admittedMax: null, perMinute: null },
  ...{ paused: false, draining: false, lot: null, clearedRevision: -1 },
};

/** The steering of a room, which may have had no step. */
export const steeringOf = ({ rooms }: SteeredRooms, room: string): Steering =>
  rooms.get(room) ?? unsteered;

/** Each step has the complete state of its room after it. So the last step of a room is enough. */
export const steeringDecider: Decider<
  SteeredRooms,
  SteerQueue | DrawLot,
  SteeringEvent,
  'changed' | 'unchanged'
> = {
  initial: { revision: -1, rooms: new Map() },
  evolve: steeredBy,
  decide(command, state) {
    const { admittedMax, perMinute, paused, draining, lot } = steeringOf(state, command.room);
    const room = command.room === '' ? {} : { room: command.room };
    if (command.type === 'DrawLot') {
      const { opensAt, seed, at } = command;
      if (lot?.opensAt !== opensAt || lot.seed !== null) return accept([], 'unchanged');
      // Before this time, a user could still choose a user id that wins.
      if (Date.parse(at) < lotMoments(lot).drawMs) return accept([], 'unchanged');
      const data = { ...room, from: lot.from, opensAt, seed, at };
      return accept([{ type: 'QueueDrawn', data }], 'changed');
    }
    const { change, clear, by, reason, at } = command;
    const times = lot && { from: lot.from, opensAt: lot.opensAt };
    const before = { admittedMax, perMinute, paused, draining, lot: times };
    const after = { ...before, ...change };
    if (!clear && isDeepStrictEqual(before, after)) return accept([], 'unchanged');
    const data = { ...room, ...after, cleared: clear, by, reason, at };
    return accept([{ type: 'QueueSteered', data }], 'changed');
  },
};

/** The steering after a step. */
export function steeredBy(state: SteeredRooms, event: SteeringEvent & AtRevision): SteeredRooms {
  const revision = event.revision === undefined ? state.revision + 1 : Number(event.revision);
  const { room = '' } = event.data;
  const before = steeringOf(state, room);
  const after =
    event.type === 'QueueDrawn' ? drawnBy(before, event) : steeredTo(before, event, revision);
  return { revision, rooms: new Map(state.rooms).set(room, { ...after, revision }) };
}

function steeredTo(
  { lot: lotBefore, clearedRevision }: Steering,
  { data }: EventOf<'QueueSteered'>,
  revision: number,
): Steering {
  const { admittedMax, perMinute, paused, draining, cleared } = data;
  const isSame = lotBefore?.from === data.lot?.from && lotBefore?.opensAt === data.lot?.opensAt;
  const undrawn = { seed: null, drawnAt: null };
  const drawn =
    isSame && lotBefore ? { seed: lotBefore.seed, drawnAt: lotBefore.drawnAt } : undrawn;
  const lot = data.lot && { ...data.lot, ...drawn };
  const lastCleared = cleared ? revision : clearedRevision;
  return { revision, admittedMax, perMinute, paused, draining, lot, clearedRevision: lastCleared };
}

/** If the room has another lot now, the draw changes nothing. */
function drawnBy(before: Steering, { data }: EventOf<'QueueDrawn'>): Steering {
  const { lot } = before;
  if (lot === null || lot.from !== data.from || lot.opensAt !== data.opensAt) return before;
  return { ...before, lot: { ...lot, seed: data.seed, drawnAt: data.at } };
}
