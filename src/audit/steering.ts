import type { EventData } from '../events/events.ts';
import { isClosedBy, type Lot, Lots } from './lots.ts';

/** A step reaches every instance within this, and clocks may differ, in milliseconds. */
export const effectMs = 2_000;

type Step = Omit<EventData['QueueSteered'], 'lot'> & {
  readonly atMs: number;
  readonly lot: Lot | undefined;
};

/** What a step says that bounds admissions. */
type Said = Pick<Step, 'admittedMax' | 'paused' | 'draining' | 'lot'>;

/** How a room was to be steered around a moment. */
export interface InForce {
  /** The highest limit of places that an instance may have gone by. */
  readonly limit: number;
  /** The lowest one. */
  readonly limitLeast: number;
  /** Every instance knew that nobody is admitted. */
  readonly isPaused: boolean;
  /** Every instance knew that nobody new enrols. */
  readonly isDraining: boolean;
  /** Every instance knew of a lot before whose opening and draw nobody is admitted: this one. */
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

  /** @param atMs when the log took it */
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
