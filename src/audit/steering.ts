import type { EventData } from '../events/events.ts';
import { isClosedBy, type Lot, Lots } from './lots.ts';

/**
 * A step reaches every instance within this time, including the difference of clocks. In
 * milliseconds.
 */
export const effectMs = 2_000;

type Step = Omit<EventData['QueueSteered'], 'lot'> & {
  readonly atMs: number;
  readonly lot: Lot | undefined;
};

/** The parts of a step that bound admissions. */
type Said = Pick<Step, 'admittedMax' | 'paused' | 'draining' | 'lot'>;

/** The steering of a room around a moment. */
export interface InForce {
  /** The highest limit of places that an instance may have used. */
  readonly limit: number;
  /** The lowest one. */
  readonly limitLeast: number;
  /** True if every instance knew that admissions were paused. */
  readonly isPaused: boolean;
  /** True if every instance knew that the queue accepted no new users. */
  readonly isDraining: boolean;
  /**
   * The lot because of which every instance knew that nobody is admitted before its opening and
   * draw.
   */
  readonly closedBy: Lot | undefined;
}

/** The steps of a room, in the order of the log. */
export class RoomSteering {
  readonly lots = new Lots();
  readonly #steps: Step[] = [];
  readonly #places: number;

  /** @param places the setting QUEUE_ADMITTED_MAX */
  constructor(places: number) {
    this.#places = places;
  }

  /** @param atMs its time in the log */
  add(step: EventData['QueueSteered'], atMs: number): void {
    this.#steps.push({ ...step, atMs, lot: this.lots.of(step.lot) });
  }

  around(atMs: number): InForce {
    const known: Said[] = [];
    for (let at = this.#steps.length - 1; at >= 0; at -= 1) {
      const step = this.#steps[at] as Step;
      if (step.atMs > atMs + effectMs) continue;
      known.push(step);
      if (step.atMs < atMs - effectMs) return this.#inForce(known, atMs);
    }
    const unsteered = { admittedMax: null, paused: false, draining: false, lot: undefined };
    return this.#inForce([...known, unsteered], atMs);
  }

  /** The step between two moments, for people; undefined when there was none. */
  between(fromMs: number, untilMs: number): string | undefined {
    const step = this.#steps.find(
      ({ atMs }) => atMs >= fromMs - effectMs && atMs <= untilMs + effectMs,
    );
    return step && `${step.by}: ${step.reason}`;
  }

  #inForce(known: readonly Said[], atMs: number): InForce {
    const limits = known.map(({ admittedMax }) => admittedMax ?? this.#places);
    return {
      limit: Math.max(...limits),
      limitLeast: Math.min(...limits),
      isPaused: known.every(({ paused }) => paused),
      isDraining: known.every(({ draining }) => draining),
      closedBy: known.every(({ lot }) => isClosedBy(lot, atMs)) ? known[0]?.lot : undefined,
    };
  }
}
