import { setTimeout as delay } from 'node:timers/promises';
import { isEventBefore } from '../events/log-position.ts';
import type { Step } from '../projections/log-step.ts';
import type { RowChange } from '../projections/models/projection.ts';
import type { CommitListener } from '../projections/projector.ts';
import { ReadSideUnavailable } from './read-side.ts';

/** A part of the read models in memory, changed by the same row changes as its tables. */
export interface Entry {
  /** What it costs, in rows. */
  readonly weight: number;
  /** Changes that are not about it are ignored. */
  apply(change: RowChange, position: bigint): void;
}

/** An entry as one snapshot of PostgreSQL has it. */
export interface Loaded<E extends Entry> {
  readonly entry: E;
  /** Of the last event in that snapshot; null at the start of the log. */
  readonly position: bigint | null;
}

export interface MirrorLimits {
  /** Rows kept; above it the entries that were not read for longest go. Default 1,500,000 (about 150 bytes each). */
  readonly rowsMax: number;
  /** Changes kept for entries that are being loaded; a load that takes longer is done again. Default 20,000. */
  readonly replayStepsMax: number;
}

/** A load is done again this often before the answer is that the read side is unavailable. */
const loadAttemptsMax = 3;

/** Before a server that was behind is asked again, in ms. */
const behindMs = 50;

/** What was loaded lacks what is shown already: the server that answered is behind, as a standby may be. */
export class Behind extends ReadSideUnavailable {
  constructor() {
    super(
      'PostgreSQL answered with rows that are older than what was shown: a standby that is behind?',
    );
    this.name = 'Behind';
  }
}

/** Loads until it is not behind what was shown before. @throws Behind */
export async function loadShown<E extends Entry>(
  load: () => Promise<Loaded<E>>,
  shown: () => bigint | null,
): Promise<Loaded<E>> {
  for (let attempt = 1; ; attempt += 1) {
    const before = shown();
    const loaded = await load();
    if (!isEventBefore(loaded.position, before)) return loaded;
    if (attempt === loadAttemptsMax) throw new Behind();
    await delay(behindMs);
  }
}

/** How entries are kept: nothing before this position may be applied again. */
interface Kept {
  readonly entry: Entry;
  readonly loadedAt: bigint | null;
}

/**
 * Entries in memory, loaded from PostgreSQL when first read and then changed by what was committed. An entry is one
 * snapshot together with the checkpoint in it, plus every later step; the steps that were told of while it was
 * loading are kept and applied to it first. So what is read here is at least as new as what `committed` was told.
 */
export class Mirror implements CommitListener {
  readonly #entries = new Map<string, Kept>();
  readonly #loading = new Map<string, Promise<Entry>>();
  readonly #limits: MirrorLimits;
  readonly #shown: () => bigint | null;
  #replay: Step[] = [];
  /** Raised when the steps kept for loads under way are incomplete. */
  #generation = 0;
  #rows = 0;

  /** @param shown the last event that was shown: what is loaded must have it */
  constructor(limits: MirrorLimits, shown: () => bigint | null = () => null) {
    this.#limits = limits;
    this.#shown = shown;
  }

  committed(steps: readonly Step[]): void {
    for (const step of steps) {
      for (const change of step.changes) {
        for (const name of entriesOf(change)) {
          const kept = this.#entries.get(name);
          if (kept !== undefined) applyStep(kept, change, step.position.commit);
        }
      }
    }
    if (this.#loading.size === 0) return;
    if (this.#replay.length + steps.length > this.#limits.replayStepsMax) this.#forgetReplay();
    else this.#replay.push(...steps);
  }

  reset(): void {
    this.#entries.clear();
    this.#rows = 0;
    this.#forgetReplay();
  }

  /** The entry, from memory or loaded now; one load at a time for each name. Throws what `load` throws. */
  async get<E extends Entry>(name: string, load: () => Promise<Loaded<E>>): Promise<E> {
    const kept = this.peek<E>(name);
    if (kept !== undefined) return kept;
    const loading = this.#loading.get(name);
    if (loading !== undefined) return (await loading) as E;
    const fresh = this.#load(name, load).finally(() => {
      this.#loading.delete(name);
      if (this.#loading.size === 0) this.#replay = [];
    });
    this.#loading.set(name, fresh);
    return fresh;
  }

  /** The entry when it is in memory. */
  peek<E extends Entry>(name: string): E | undefined {
    const kept = this.#entries.get(name);
    if (kept === undefined) return undefined;
    // Read last, so evicted last.
    this.#entries.delete(name);
    this.#entries.set(name, kept);
    return kept.entry as E;
  }

  async #load<E extends Entry>(name: string, load: () => Promise<Loaded<E>>): Promise<E> {
    for (let attempt = 1; attempt <= loadAttemptsMax; attempt += 1) {
      const generation = this.#generation;
      const from = this.#replay.length;
      const { entry, position } = await loadShown(load, this.#shown);
      if (generation !== this.#generation) continue;
      const kept = { entry, loadedAt: position };
      for (const step of this.#replay.slice(from)) {
        for (const change of step.changes) {
          if (entriesOf(change).includes(name)) applyStep(kept, change, step.position.commit);
        }
      }
      this.#keep(name, kept);
      return entry;
    }
    throw new ReadSideUnavailable(`${name} changes faster than it can be read`);
  }

  #keep(name: string, kept: Kept): void {
    this.#entries.set(name, kept);
    this.#rows += kept.entry.weight;
    for (const [oldest, { entry }] of this.#entries) {
      if (this.#rows <= this.#limits.rowsMax || oldest === name) break;
      this.#entries.delete(oldest);
      this.#rows -= entry.weight;
    }
  }

  #forgetReplay(): void {
    this.#replay = [];
    this.#generation += 1;
  }
}

function applyStep({ entry, loadedAt }: Kept, change: RowChange, position: bigint): void {
  if (loadedAt === null || position > loadedAt) entry.apply(change, position);
}

export const concertListEntry = 'concert-list';
export const seatMapEntry = (sessionId: string): string => `seats ${sessionId}`;
export const accountEntry = (userId: string): string => `account ${userId}`;

/** The entries that a change is about. The rows that one event puts into a table all belong to the same. */
function entriesOf(change: RowChange): readonly string[] {
  switch (change.table.name) {
    case 'concert':
      return [concertListEntry];
    case 'session':
      return [concertListEntry, seatMapEntry(firstKey(change))];
    case 'seat':
      return [seatMapEntry(firstKey(change))];
    case 'account':
      return [accountEntry(firstKey(change))];
    default:
      return [];
  }
}

function firstKey(change: RowChange): string {
  switch (change.kind) {
    case 'patch':
      return change.key[0] ?? '';
    case 'ensure':
      return String(change.row[change.table.key[0] ?? '']);
    case 'put':
      return String(change.rows[0]?.[change.table.key[0] ?? '']);
  }
}
