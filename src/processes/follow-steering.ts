import type { EventStore } from '../commands/core/event-store.ts';
import { type SteeredRooms, steeredBy, steeringDecider } from '../commands/steering/decider.ts';
import { decode } from '../events/codec.ts';
import { steeringStream } from '../events/streams.ts';
import { DrawLots } from './draw-lots.ts';
import { FailureReport, type ProcessParts, repeat } from './repeat.ts';

const what = 'follow the steering of the queue';
/** The time between two reads, in milliseconds. A step reaches every instance within this time. */
const idleMs = 500;

/**
 * Gives the queue's rooms their steering, at the start and after each step in the log. It also
 * draws the due lots. While the log gives no answer, the last step applies.
 * @returns `ready` resolves after the first read; `ended` when the signal has aborted
 */
export function followSteering({
  store,
  clock,
  steer,
  signal,
  onError,
}: ProcessParts & {
  readonly store: EventStore;
  /** Milliseconds since the epoch. */
  readonly clock: { readonly now: () => number };
  readonly steer: (steered: SteeredRooms) => void;
}): { readonly ready: Promise<void>; readonly ended: Promise<void> } {
  let known = steeringDecider.initial;
  const look = async () => {
    const from = BigInt(known.revision + 1);
    for await (const recorded of store.readStream(steeringStream, from)) {
      const event = decode(recorded);
      if (event.type === 'QueueSteered' || event.type === 'QueueDrawn') {
        known = steeredBy(known, event);
      }
    }
    steer(known);
  };
  const lots = new DrawLots(store, clock.now);
  const ready = look();
  const report = new FailureReport(what, onError);
  const round = async (): Promise<'idle'> => {
    try {
      await look();
      if (await lots.draw(known)) await look();
      report.worked();
    } catch (error) {
      report.failed(error);
    }
    return 'idle';
  };
  const ended = ready.then(
    () => repeat(what, round, { idleMs, signal, onError }),
    () => {},
  );
  return { ready, ended };
}
