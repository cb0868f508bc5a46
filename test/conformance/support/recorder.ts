import { setImmediate } from 'node:timers/promises';
import type {
  AllStreamSubscription,
  EventStoreDBClient,
  Position,
  StreamSubscription,
} from '@eventstore/db-client';
import { eventually } from '../../support/eventually.ts';
import { events, type Recorded, type Resolved } from './client.ts';

/** Milliseconds until what a subscription owes must be there. */
const deadlineMs = 10_000;

/** Writes down what a subscription delivers, in order. Close it, also when the test failed. */
export class Recorder {
  readonly delivered: Resolved[] = [];
  /** How many events were there each time the subscription said that it has caught up. */
  readonly caughtUpAt: number[] = [];
  confirmations = 0;
  error: Error | undefined;
  ended = false;
  readonly #subscription: AllStreamSubscription | StreamSubscription;

  constructor(subscription: AllStreamSubscription | StreamSubscription) {
    this.#subscription = subscription;
    subscription.on('data', (resolved: Resolved) => this.delivered.push(resolved));
    subscription.on('caughtUp', () => this.caughtUpAt.push(this.delivered.length));
    subscription.on('confirmation', () => this.confirmations++);
    subscription.on('error', (error) => {
      this.error = error;
    });
    subscription.on('end', () => {
      this.ended = true;
    });
  }

  get events(): Recorded[] {
    return this.delivered.map(({ event }) => {
      if (event === undefined) throw new Error('a broken link where an event was expected');
      return event;
    });
  }

  get ids(): string[] {
    return this.events.map(({ id }) => id);
  }

  async caughtUp(): Promise<void> {
    await this.until('caught up', () => this.caughtUpAt.length > 0);
  }

  async count(number: number): Promise<void> {
    await this.until(`${number} events`, () => this.delivered.length >= number);
  }

  /** The error that ends the subscription. */
  async failure(): Promise<Error> {
    return eventually(`an error (${this.#state})`, () => this.error, deadlineMs);
  }

  /** @throws as soon as the subscription failed, or when `condition` does not hold in time. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const failed = (): boolean => this.error !== undefined;
    try {
      await eventually(what, () => condition() || failed(), deadlineMs);
    } catch (error) {
      throw new Error(`no ${what} in time: ${this.#state}`, { cause: error });
    }
    if (!condition())
      throw new Error(`the subscription failed before ${what}`, { cause: this.error });
  }

  async close(): Promise<void> {
    await this.#subscription.unsubscribe();
  }

  get #state(): string {
    const { delivered, caughtUpAt, confirmations, ended } = this;
    return `${delivered.length} events, caught up at [${caughtUpAt}], ${confirmations} confirmations, ended ${ended}`;
  }
}

/** Runs `test` with a recorder and closes it afterwards, whatever happened. */
export async function recording(
  subscription: AllStreamSubscription | StreamSubscription,
  test: (recorder: Recorder) => Promise<void>,
): Promise<void> {
  const recorder = new Recorder(subscription);
  try {
    await test(recorder);
  } finally {
    await recorder.close();
  }
}

/**
 * One entry of a filtered subscription's log: an event delivered or a checkpoint reached, as the
 * consumer saw them.
 */
export type Step =
  | { readonly kind: 'event'; readonly id: string; readonly position: Position }
  | { readonly kind: 'checkpoint'; readonly position: Position };

/** Below zero when `a` comes first: positions are compared by commit, then by prepare. */
export function comparePositions(a: Position, b: Position): number {
  return Number(a.commit - b.commit) || Number(a.prepare - b.prepare);
}

/**
 * The options of a filter that write both events and checkpoints into one list in the order in
 * which a consumer gets them: the callback waits a turn, in which the client hands out the events
 * that came before the checkpoint.
 */
export function checkpointsInto(steps: Step[]): {
  checkpointReached: (subscription: AllStreamSubscription, position: Position) => Promise<void>;
} {
  return {
    async checkpointReached(_, position) {
      await setImmediate();
      steps.push({ kind: 'checkpoint', position });
    },
  };
}

/**
 * The position of the newest event that a stream got, to start a subscription behind it on a shared
 * log.
 */
export async function mark(client: EventStoreDBClient, stream: string): Promise<Position> {
  const { position } = await client.appendToStream(stream, events(1));
  if (position === undefined) throw new Error('the answer has no position');
  return position;
}
