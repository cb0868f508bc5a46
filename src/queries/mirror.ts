import { setTimeout as delay } from 'node:timers/promises';
import { isEventBefore } from '../events/log-position.ts';
import type { Step } from '../projections/log-step.ts';
import type { RowChange, TableShape } from '../projections/models/row-change.ts';
import type { CommitListener } from '../projections/projector.ts';
import { ReadSideUnavailable } from './read-side.ts';

/** A part of the read models in memory, changed by the same row changes as its tables. */
export interface Entry {
  /** Its cost, in rows. */
  readonly weight: number;
  /** Only called with changes for which `keysOf` of its kind gives its key. */
  apply(change: RowChange, position: bigint): void;
}

/** A kind of entry. It finds the entries that a change concerns. */
export interface EntryKind {
  /** The tables that its entries are made from. */
  readonly tables: readonly TableShape[];
  /**
   * The keys of the entries that a change of these tables concerns. A key is unique in the whole
   * mirror.
   */
  keysOf(change: RowChange): readonly string[];
}

/**
 * The first column of the key of a change's row. If several rows are put, that of the first one.
 */
export function firstKeyOf(change: RowChange): string {
  if (change.kind === 'patch') return change.key[0] ?? '';
  const row = change.kind === 'put' ? change.rows[0] : change.row;
  return String(row?.[change.table.key[0] ?? '']);
}

/** An entry from one snapshot of PostgreSQL. */
export interface Loaded<E extends Entry> {
  readonly entry: E;
  /** Of the last event in that snapshot; null at the start of the log. */
  readonly position: bigint | null;
}

export interface MirrorLimits {
  /**
   * Rows that are kept. Above this number, the entries with the oldest last read are dropped.
   * Default 1,500,000 (about 150 bytes each).
   */
  readonly rowsMax: number;
  /**
   * Steps that are kept for running loads of entries. If more steps come during a load, the load is
   * repeated. Default 20,000.
   */
  readonly replayStepsMax: number;
}

/** Attempts to load an entry before the read side counts as unavailable. */
const loadAttemptsMax = 3;

/** Pause before the next query to a server that was behind, in ms. */
const behindMs = 50;

/**
 * The loaded rows are older than rows that were already shown. The server is behind; it may be a
 * standby.
 */
export class Behind extends ReadSideUnavailable {
  constructor() {
    super(
      'PostgreSQL answered with rows that are older than what was shown: a standby that is behind?',
    );
    this.name = 'Behind';
  }
}

/**
 * Loads until the rows are not older than rows that were already shown.
 * @throws Behind
 */
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

/** An entry in memory. */
interface CachedEntry {
  readonly entry: Entry;
  /** It has all changes up to this position. */
  readonly loadedAt: bigint | null;
}

/**
 * Entries in memory. They are loaded from PostgreSQL at their first read. Then each committed step
 * changes them. An entry is the rows of one snapshot, with the checkpoint in it, plus every later
 * step. Steps that are committed during the load are kept, and then applied to the entry first. So
 * an entry is at least as new as the steps that `committed` was called with.
 */
export class Mirror implements CommitListener {
  readonly #entries = new Map<string, CachedEntry>();
  readonly #loading = new Map<string, Promise<Entry>>();
  readonly #kindsOf = new Map<TableShape, readonly EntryKind[]>();
  readonly #limits: MirrorLimits;
  readonly #shown: () => bigint | null;
  #replay: Step[] = [];
  /** Raised when the kept steps for running loads are incomplete. */
  #generation = 0;
  #rows = 0;

  /**
   * @param kinds all kinds of entries that it has
   * @param shown the last event that was shown. Loaded rows must contain it
   */
  constructor(
    kinds: readonly EntryKind[],
    limits: MirrorLimits,
    shown: () => bigint | null = () => null,
  ) {
    this.#limits = limits;
    this.#shown = shown;
    for (const kind of kinds) {
      for (const table of kind.tables) {
        this.#kindsOf.set(table, [...(this.#kindsOf.get(table) ?? []), kind]);
      }
    }
  }

  committed(steps: readonly Step[]): void {
    for (const step of steps) {
      for (const change of step.changes) {
        for (const key of this.#keysOf(change)) {
          const cached = this.#entries.get(key);
          if (cached !== undefined) applyChange(cached, change, step.position.commit);
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

  /**
   * The entry, from memory or loaded now; one load per key at a time.
   * @throws what `load` throws
   */
  async get<E extends Entry>(key: string, load: () => Promise<Loaded<E>>): Promise<E> {
    const cached = this.peek<E>(key);
    if (cached !== undefined) return cached;
    const loading = this.#loading.get(key);
    if (loading !== undefined) return (await loading) as E;
    const fresh = this.#load(key, load).finally(() => {
      this.#loading.delete(key);
      if (this.#loading.size === 0) this.#replay = [];
    });
    this.#loading.set(key, fresh);
    return fresh;
  }

  /** The entry when it is in memory. */
  peek<E extends Entry>(key: string): E | undefined {
    const cached = this.#entries.get(key);
    if (cached === undefined) return undefined;
    // It was read last, so it is dropped last.
    this.#entries.delete(key);
    this.#entries.set(key, cached);
    return cached.entry as E;
  }

  async #load<E extends Entry>(key: string, load: () => Promise<Loaded<E>>): Promise<E> {
    for (let attempt = 1; attempt <= loadAttemptsMax; attempt += 1) {
      const generation = this.#generation;
      const from = this.#replay.length;
      const { entry, position } = await loadShown(load, this.#shown);
      if (generation !== this.#generation) continue;
      const cached = { entry, loadedAt: position };
      for (const step of this.#replay.slice(from)) {
        for (const change of step.changes) {
          if (this.#keysOf(change).includes(key)) applyChange(cached, change, step.position.commit);
        }
      }
      this.#cache(key, cached);
      return entry;
    }
    throw new ReadSideUnavailable(`${key} changes faster than it can be read`);
  }

  #cache(key: string, cached: CachedEntry): void {
    this.#entries.set(key, cached);
    this.#rows += cached.entry.weight;
    for (const [oldest, { entry }] of this.#entries) {
      if (this.#rows <= this.#limits.rowsMax || oldest === key) break;
      this.#entries.delete(oldest);
      this.#rows -= entry.weight;
    }
  }

  /** The keys of the entries that a change concerns. */
  #keysOf(change: RowChange): readonly string[] {
    const kinds = this.#kindsOf.get(change.table) ?? [];
    return kinds.flatMap((kind) => kind.keysOf(change));
  }

  #forgetReplay(): void {
    this.#replay = [];
    this.#generation += 1;
  }
}

function applyChange({ entry, loadedAt }: CachedEntry, change: RowChange, position: bigint): void {
  if (loadedAt === null || position > loadedAt) entry.apply(change, position);
}
