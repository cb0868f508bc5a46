import { queueLineStream, steeringStream } from '../../../src/events/streams.ts';
import { KnownPlaces } from '../../../src/processes/known-places.ts';
import { InProcessQueue } from '../../../src/queue/in-process-queue.ts';
import { notSteered, type QueueControl } from '../../../src/queue/queue-control.ts';
import type { QueueMove } from '../../../src/queue/queue-log.ts';
import type { QueueSettings, WaitingQueue } from '../../../src/queue/waiting-queue.ts';
import type { LogEvent } from '../../../src/verify/finding.ts';
import { type Crowd, mulberry32, runSale } from '../../queue/support/simulation.ts';

/** The simulation's. */
const saleStartMs = Date.UTC(2030, 0, 1);
/** The first second of logs that tests write move by move. */
export const startMs = Date.UTC(2030, 0, 1, 10);
/** Moves are told together for so long, in milliseconds. */
const windowMs = 150;

/** A log of the queue's streams. */
export class QueueHistory {
  readonly events: LogEvent[] = [];
  readonly #revisions = new Map<string, bigint>();

  add(stream: string, type: string, data: object, createdMs: number, version = 2): this {
    const revision = (this.#revisions.get(stream) ?? -1n) + 1n;
    this.#revisions.set(stream, revision);
    const position = BigInt(this.events.length);
    const event = { id: `e${position}`, stream, type, revision, position, createdMs, version };
    this.events.push({ ...event, data: data as LogEvent['data'] });
    return this;
  }

  moves(moves: readonly QueueMove[], createdMs: number, room = ''): this {
    return this.add(queueLineStream(createdMs, room), 'QueueMoved', { moves }, createdMs);
  }

  steer(admittedMax: number | null, atMs: number, room?: string): this {
    const at = new Date(atMs).toISOString();
    const step = { admittedMax, perMinute: null, paused: false, draining: false, lot: null };
    const data = {
      ...step,
      cleared: false,
      by: 'kim',
      reason: 'a test',
      at,
      ...(room && { room }),
    };
    return this.add(steeringStream, 'QueueSteered', data, atMs);
  }

  /** One move an event, told at once; seconds from the start. */
  at(second: number, kind: QueueMove[0], user: string, n = 0, room = ''): this {
    const atMs = startMs + second * 1_000;
    const number = kind === 'cleared' ? 0 : (startMs + n) * 1_000;
    return this.moves([[kind, user, number, atMs]], atMs + 150, room);
  }
}

const crowd: Crowd = {
  users: 600,
  arriveWithinMs: 10_000,
  journeyMs: 9_000,
  vanishAdmitted: 0.1,
  leaveWaiting: 0.2,
  leaveWithinMs: 150_000,
};

export interface Faults {
  /** At these moments of the sale the queue is lost, and rebuilt from the log. */
  readonly lostAtMs?: readonly number[];
  /** At these moments it loses who is inside, and knows nothing of it. */
  readonly placesLostAtMs?: readonly number[];
  /** Of the batches of moves: how many never come into the log. */
  readonly batchesLost?: number;
  /** Steps, by the moment. */
  readonly steps?: readonly (readonly [atMs: number, change: Partial<QueueControl>])[];
  /** Of a clock of another machine, after the queue was lost. */
  readonly clockBackMs?: number;
}

/** The queue of a sale, its log, and what happens to both. */
class FaultyQueue {
  readonly log: QueueHistory;
  readonly #settings: QueueSettings;
  readonly #clock: () => number;
  readonly #faults: Faults;
  readonly #chance: () => number;
  readonly #known = new KnownPlaces();
  readonly #steps: (readonly [atMs: number, change: Partial<QueueControl>])[];
  readonly #losses: { readonly atMs: number; readonly isKnown: boolean }[];
  #control: QueueControl = { ...notSteered, admittedMax: 30, revision: 0 };
  #pending: QueueMove[] = [];
  #batchMs = 0;
  #backMs = 0;
  #queue: InProcessQueue;

  constructor(
    log: QueueHistory,
    faults: Faults,
    parts: { settings: QueueSettings; clock: () => number; chance: () => number },
  ) {
    this.log = log;
    this.#faults = faults;
    this.#settings = parts.settings;
    this.#clock = parts.clock;
    this.#chance = parts.chance;
    this.#steps = [...(faults.steps ?? [])];
    this.#losses = [
      ...(faults.lostAtMs ?? []).map((atMs) => ({ atMs, isKnown: true })),
      ...(faults.placesLostAtMs ?? []).map((atMs) => ({ atMs, isKnown: false })),
    ].sort((one, other) => one.atMs - other.atMs);
    this.#queue = this.#open(true);
  }

  /** The queue as it is by now. */
  get now(): InProcessQueue {
    const atMs = this.#clock() - saleStartMs;
    for (let loss = this.#losses[0]; loss && loss.atMs <= atMs; loss = this.#losses[0]) {
      this.#losses.shift();
      // What was not written yet is lost with it.
      this.#pending = [];
      this.#backMs = this.#faults.clockBackMs ?? 0;
      this.#queue = this.#open(loss.isKnown);
    }
    for (let step = this.#steps[0]; step && step[0] <= atMs; step = this.#steps[0]) {
      this.#steps.shift();
      this.#control = { ...this.#control, ...step[1], revision: this.#control.revision + 1 };
      this.log.steer(this.#control.admittedMax, this.#clock());
      this.#queue.steer(this.#control);
    }
    return this.#queue;
  }

  /** Writes the moves so far, or loses them. */
  flush(): void {
    const moves = this.#pending;
    this.#pending = [];
    if (moves.length === 0 || this.#chance() < (this.#faults.batchesLost ?? 0)) return;
    this.log.moves(moves, this.#clock());
    for (const move of moves) this.#known.take(move);
  }

  #open(isKnown: boolean): InProcessQueue {
    const now = () => this.#clock() - this.#backMs;
    const onMove = (move: QueueMove) => {
      if (this.#clock() - this.#batchMs > windowMs) {
        this.flush();
        this.#batchMs = this.#clock();
      }
      this.#pending.push(move);
    };
    const queue = new InProcessQueue(this.#settings, { now, onMove, chance: this.#chance });
    queue.restore(
      this.#known.all().filter(({ admittedAt }) => isKnown || admittedAt === undefined),
    );
    queue.steer(this.#control);
    return queue;
  }
}

/** The log that a real queue writes in a sale of three minutes, in batches, by 30 places. */
export async function saleHistory(faults: Faults, limitTold = 30, seed = 1): Promise<QueueHistory> {
  const log = new QueueHistory().steer(limitTold, saleStartMs - 300_000);
  await runSale(crowd, 180_000, {
    seed,
    open: async (settings, clock) => {
      const faulty = new FaultyQueue(log, faults, {
        settings,
        clock,
        chance: mulberry32(seed + 1),
      });
      const queue: WaitingQueue = {
        poll: (userId) => faulty.now.poll(userId),
        authorize: (userId, token) => faulty.now.authorize(userId, token),
        renew: (userId, heldMs) => faulty.now.renew(userId, heldMs),
        shorten: (userId) => faulty.now.shorten(userId),
        steer: (control) => faulty.now.steer(control),
        get limits() {
          return faulty.now.limits;
        },
        counts: () => faulty.now.counts(),
        reachable: () => faulty.now.reachable(),
        close: () => faulty.now.close(),
      };
      return { queue, close: async () => faulty.flush() };
    },
  });
  return log;
}
