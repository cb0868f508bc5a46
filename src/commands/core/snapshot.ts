import type { DomainEvent } from '../../events/events.ts';

/**
 * Snapshots are events of a stream that contain everything that still counts. When `everyEvents`
 * have followed the last snapshot, the next one is appended with the other events of a command. A
 * read without a remembered state starts at the newest snapshot. The stream may lack the events
 * before a snapshot. `evolve` of a snapshot replaces the state, except for the events that the
 * snapshot names (`Elsewhere`).
 */
export interface SnapshotPolicy<State, Event extends DomainEvent> {
  /** The types of events that are snapshots. */
  readonly types: readonly Event['type'][];
  /**
   * The types of events that a snapshot names. They contain only facts of other events, too. If an
   * event before a snapshot is skipped by a later mark, neither the snapshot nor these events
   * count.
   */
  readonly partTypes?: readonly Event['type'][];
  readonly everyEvents: number;
  /**
   * The snapshot of a state. No events: a snapshot is not possible now, and the next try comes
   * after as many events again. Events without a snapshot: it needs several appends, and the next
   * try comes with the next append.
   */
  of(state: State): readonly Event[];
}

/** The command that the metadata of snapshots names. The log contains these words. */
export const snapshotCommand = { type: 'SumUp', context: { commandId: 'sum up' } } as const;

/** The events of a stream after its newest snapshot. */
export interface SinceSnapshot {
  readonly events: number;
  /** The value of `events` at the last failed try. The cost of a try grows with the state. */
  readonly triedAt: number;
}

export const nothingSince: SinceSnapshot = { events: 0, triedAt: 0 };

/**
 * Counts the events of a stream after its newest snapshot, and says when the next snapshot is due.
 */
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

  /** Does an event of this type contain only facts of other events? */
  isDerived(type: string): boolean {
    return this.isSnapshot(type) || (this.#policy?.partTypes?.some((one) => one === type) ?? false);
  }

  /** The count after one more event. */
  counted(since: SinceSnapshot, type: string): SinceSnapshot {
    const { events, triedAt } = since;
    return this.isSnapshot(type) ? nothingSince : { events: events + 1, triedAt };
  }

  /**
   * The events of a due snapshot. None if no snapshot is due, or if the state cannot have one now.
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
