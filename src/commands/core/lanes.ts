import assert from 'node:assert/strict';
import type { CommandContext } from './command-context.ts';
import { appendMsMin } from './deadline.ts';
import { EventStoreUnavailable } from './event-store.ts';
import type { Assumed, Loaded } from './loaded.ts';
import type { Refusal, Result } from './result.ts';

/** A command that waits in its lane, or that the handler carries out at the moment. */
export interface QueuedCommand<State, Command, Answer> {
  readonly command: Command;
  readonly context: CommandContext;
  readonly assumed: Assumed<State> | undefined;
  readonly resolve: (result: Result<Answer>) => void;
  readonly reject: (error: unknown) => void;
}

/** The remembered state of one stream, and the commands that wait for it. */
export interface Lane<State, Command, Answer> {
  readonly stream: string;
  loaded: Loaded<State> | undefined;
  readonly queued: QueuedCommand<State, Command, Answer>[];
  running: boolean;
  /** The read of the whole stream that is under way. */
  reading: Promise<Loaded<State>> | undefined;
}

/** A lane per stream. At most `lanesMax`: the least recently used idle lane goes first. */
export class Lanes<State, Command, Answer> {
  readonly #lanes = new Map<string, Lane<State, Command, Answer>>();
  readonly #lanesMax: number;

  constructor(lanesMax: number) {
    this.#lanesMax = lanesMax;
  }

  /** The stream's lane, which now counts as the most recently used. */
  of(stream: string): Lane<State, Command, Answer> {
    let lane = this.#lanes.get(stream);
    if (lane === undefined) {
      lane = { stream, loaded: undefined, queued: [], running: false, reading: undefined };
      this.#evictIdle();
    } else {
      this.#lanes.delete(stream);
    }
    this.#lanes.set(stream, lane);
    return lane;
  }

  /** The remembered state. This does not count as a use. */
  known(stream: string): State | undefined {
    return this.#lanes.get(stream)?.loaded?.state;
  }

  #evictIdle(): void {
    if (this.#lanes.size < this.#lanesMax) return;
    for (const [stream, lane] of this.#lanes) {
      if (lane.running) continue;
      this.#lanes.delete(stream);
      return;
    }
  }
}

const deadlineOf = ({ context }: { readonly context: CommandContext }): number =>
  context.deadlineMs ?? Number.POSITIVE_INFINITY;

/**
 * @returns the commands that have enough time left for an append. The others fail with
 * EventStoreUnavailable
 */
export function refuseLate<
  Queued extends Pick<QueuedCommand<unknown, unknown, unknown>, 'context' | 'reject'>,
>(batch: readonly Queued[]): readonly Queued[] {
  const latestMs = performance.now() + appendMsMin;
  const inTime = batch.filter((queued) => deadlineOf(queued) >= latestMs);
  if (inTime.length === batch.length) return batch;
  const late = 'no time was left for another append';
  for (const queued of batch) {
    if (deadlineOf(queued) >= latestMs) continue;
    queued.reject(new EventStoreUnavailable(late, undefined, { wroteNothing: true }));
  }
  return inTime;
}

/** The time that is left for an append: until the earliest deadline of its commands. */
export function timeLeft(batch: readonly { readonly context: CommandContext }[]) {
  const endMs = Math.min(...batch.map(deadlineOf));
  return endMs === Number.POSITIVE_INFINITY ? undefined : { timeoutMs: endMs - performance.now() };
}

/** A command's decision, with the answer that it has once the events are in the log. */
export type Outcome<Answer> =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly refusal: Refusal };

/** @param position the log position that makes the answers true */
export function answerEach<Answer>(
  batch: readonly Pick<QueuedCommand<unknown, unknown, Answer>, 'resolve'>[],
  outcomes: readonly Outcome<Answer>[],
  position: bigint | null,
): void {
  batch.forEach(({ resolve }, index) => {
    const outcome = outcomes[index];
    assert(outcome !== undefined, 'every command of a batch has an outcome');
    resolve(outcome.ok ? { ok: true, value: outcome.answer, position } : outcome);
  });
}
