import type { DomainEvent } from '../../events/events.ts';

/**
 * Snapshots: events of a stream that say all that still counts. One is appended with the other
 * events of a command once `everyEvents` came after the last one, and a read from scratch starts at
 * it. What comes before a snapshot need not be in the stream any longer. `evolve` of a snapshot
 * replaces the state, but for what the snapshot names (`Elsewhere`).
 */
export interface SnapshotPolicy<State, Event extends DomainEvent> {
  /** The types of events that are snapshots. */
  readonly types: readonly Event['type'][];
  /**
   * The types of events that a snapshot names, and that say nothing of their own either. Where an
   * event before a snapshot was skipped after it, neither the snapshot nor these count.
   */
  readonly partTypes?: readonly Event['type'][];
  readonly everyEvents: number;
  /**
   * The snapshot of a state. No events: now is no time for one, and it is asked again after as many
   * events. Events without a snapshot among them: it takes several appends, and it is asked again
   * with the next one.
   */
  of(state: State): readonly Event[];
}

/** The command that snapshots are stored under. The words are in the log. */
export const snapshotCommand = { type: 'SumUp', context: { commandId: 'sum up' } } as const;

/** What a stream has after its newest snapshot. */
export interface SinceSnapshot {
  readonly events: number;
  /**
   * `events` at the last try that found no time for a snapshot: a try costs as much as there is.
   */
  readonly triedAt: number;
}

export const nothingSince: SinceSnapshot = { events: 0, triedAt: 0 };

/** Counts what a stream has after its newest snapshot, and says when the next one is due. */
export class Snapshots<State, Event extends DomainEvent> {
  readonly #policy: SnapshotPolicy<State, Event> | undefined;

  /** @param policy undefined: there are none */
  constructor(policy: SnapshotPolicy<State, Event> | undefined) {
    this.#policy = policy;
  }

  get areTaken(): boolean {
    return this.#policy !== undefined;
  }

  isSnapshot(type: string): boolean {
    return this.#policy?.types.some((one) => one === type) ?? false;
  }

  /** Does an event of this type say nothing but what other events say? */
  isDerived(type: string): boolean {
    return this.isSnapshot(type) || (this.#policy?.partTypes?.some((one) => one === type) ?? false);
  }

  /** The count after one more event. */
  counted(since: SinceSnapshot, type: string): SinceSnapshot {
    return this.isSnapshot(type) ? nothingSince : { ...since, events: since.events + 1 };
  }

  /**
   * The events of a snapshot that is due; none when none is due, or the state has no time for it.
   */
  due(
    state: State,
    since: SinceSnapshot,
  ): { readonly events: readonly Event[]; readonly since: SinceSnapshot } {
    const policy = this.#policy;
    if (policy === undefined || since.events - since.triedAt < policy.everyEvents) {
      return { events: [], since };
    }
    const events = policy.of(state);
    return { events, since: events.length > 0 ? since : { ...since, triedAt: since.events } };
  }
}
