import { typesKnown, versionsKnown } from './forms.ts';

/** An event as the verifier reads it: nothing of the service's own code has looked at it. */
export interface LogEvent extends Moment {
  readonly id: string;
  readonly type: string;
  readonly data: Data;
  /** The version of the data's shape, as the metadata has it. */
  readonly version: unknown;
  /** Of the command that it came of, as the metadata has it. */
  readonly commandId?: unknown;
  /** It was restored from a backup, and `createdMs` is its time of before. */
  readonly isRestored?: boolean;
}

/**
 * When a log took an event that was restored from a backup: its own time is that of the restore.
 * @param metadata as the event has it
 */
export function restoredMs(metadata: unknown): number | undefined {
  const { recordedAt } = (metadata ?? {}) as { readonly recordedAt?: unknown };
  const ms = typeof recordedAt === 'string' ? Date.parse(recordedAt) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** Where and when something happened: what is kept of an event. */
export interface Moment {
  readonly stream: string;
  readonly revision: bigint;
  /** Commit position in the log: grows, with gaps. */
  readonly position: bigint;
  /** When the log took it, milliseconds since the epoch. */
  readonly createdMs: number;
}

export type Data = Readonly<Record<string, unknown>>;

export const momentOf = ({ stream, revision, position, createdMs }: Moment): Moment => ({
  stream,
  revision,
  position,
  createdMs,
});

/** What must not be, and is. The last ones are of PostgreSQL, all others of the log. */
export type ViolationCode =
  /** A stream's revisions do not follow one another. */
  | 'revision-gap'
  /**
   * A stream whose metadata hides events: it was deleted, truncated, or given a limit. Nothing is
   * decided on it.
   */
  | 'stream-cut'
  /** An event that cannot be read, so nothing is proven of its stream. */
  | 'unreadable'
  /**
   * An event that says of another one that it is skipped, and is wrong, or was not announced to
   * readers.
   */
  | 'wrong-skip'
  /**
   * A restore that was not finished, or is not what it says, or an event that says it was restored
   * and was not.
   */
  | 'wrong-restore'
  /** A session scheduled twice, or changed without having been scheduled. */
  | 'wrong-session'
  /** A concert's title or venue that no list can show as it is. */
  | 'wrong-title'
  /** A reservation's id does not name its seat and its turn. */
  | 'wrong-reservation-id'
  /** A seat that no session has, or not at this price. */
  | 'wrong-price'
  /** A seat reserved while somebody held or owned it. */
  | 'double-reservation'
  | 'double-sale'
  /** Sold, but not to the reservation or user that held it. */
  | 'sale-without-reservation'
  /** Sold, but its buyer held no money for it. */
  | 'unpaid-sale'
  /**
   * A release of what was not held, or of what was sold, or for another reason than its order ended
   * for.
   */
  | 'wrong-release'
  /** A hold that is long over, and the seat was never given back. */
  | 'lost-release'
  /** A seat of an order that was paid long ago, and the seat was never sold. */
  | 'lost-sale'
  /** A seat of a session that was cancelled long ago, and the seat was never given back. */
  | 'kept-after-cancel'
  /** An order that is not its seats, or whose steps do not follow one another. */
  | 'wrong-order'
  /** An order that was placed, paid or ended long ago, and was never brought to its end. */
  | 'unsettled-order'
  /** The balance that an event states is not what the account's events make. */
  | 'wrong-balance'
  | 'negative-balance'
  /** One account's money in two currencies. */
  | 'mixed-currencies'
  | 'charged-twice'
  /** Money held for a reservation that was never made. */
  | 'orphan-charge'
  /** Money held from another user, or another amount, than the reservation's. */
  | 'wrong-payment'
  /** Two payments for one reservation. */
  | 'paid-twice'
  /** A payment ended that was not held, or ended already. */
  | 'wrong-resolution'
  /** Money taken, and the seat was not sold to it. */
  | 'capture-without-sale'
  /** Money given back, and the seat was sold to it and not given back. */
  | 'released-but-sold'
  /** A sold seat was given back long ago, and its money was not. */
  | 'lost-refund'
  /** A summary of an account that is not what its events make. */
  | 'wrong-summary'
  /** Money held for long, and neither taken nor given back. */
  | 'unresolved-payment'
  /** An event of the waiting queue that is not where it belongs, or a number that cannot be. */
  | 'wrong-queue'
  /** Admitted while inside. */
  | 'queue-inside-twice'
  /** Admitted while as many were inside as may be, by a limit that the log states. */
  | 'queue-over-limit'
  /** A row that the log asks for, and the table does not have. */
  | 'row-missing'
  /** A row that no event of the log made, or that is there twice. */
  | 'row-extra'
  /** A row with another value than the log says. */
  | 'row-differs'
  /** The checkpoints of the read models differ, or are at events that the log does not have. */
  | 'wrong-checkpoint';

export interface Violation {
  readonly code: ViolationCode;
  /**
   * The event that shows it; for a row, the last one that changed it. Undefined for a row that no
   * event made.
   */
  readonly stream: string | undefined;
  readonly revision: bigint | undefined;
  /** The row that is wrong, as `<table> <key>`; undefined for a violation of the log. */
  readonly row: string | undefined;
  readonly detail: string;
}

export type Report = (code: ViolationCode, at: Moment, detail: string) => void;

/** The violations that were found: all are counted, the first ones kept. */
export class Findings {
  readonly #keptMax: number;
  /** In the order in which they were found. */
  readonly kept: Violation[] = [];
  readonly #counts = new Map<ViolationCode, number>();

  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  /** How many of each kind. */
  get counts(): ReadonlyMap<ViolationCode, number> {
    return this.#counts;
  }

  get total(): number {
    let total = 0;
    for (const count of this.#counts.values()) total += count;
    return total;
  }

  readonly report = (
    code: ViolationCode,
    at: Moment | undefined,
    detail: string,
    row?: string,
  ): void => {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    if (this.kept.length >= this.#keptMax) return;
    this.kept.push({ code, stream: at?.stream, revision: at?.revision, row, detail });
  };
}

/** What a payment pays: a seat's reservation, or an order of several. */
export interface Purchase {
  /** The reservation id that payments name. */
  readonly id: string;
  readonly userId: string;
  readonly price: number;
  readonly currency: string;
  /** The payment that bought it; kept when it was given back. */
  soldTo: string | undefined;
  /** The event that gave it back after it was sold. */
  returned: Moment | undefined;
}

/** Data that is not what its event's type promises. */
export class Unreadable extends Error {}

/**
 * Could any version of the service have written it? All of them put a version to it; a type that is
 * not known is a later one's when a command's id is there, too.
 */
export const isOfService = ({ type, version, commandId }: LogEvent): boolean =>
  Number.isSafeInteger(version) &&
  (version as number) >= 1 &&
  (typesKnown.has(type) || typeof commandId === 'string');

/** Ids are visible ASCII, and so is a stream's name, which is made of them. */
const namePattern = /^[!-~]{1,500}$/;

/**
 * @throws Unreadable for events on streams that are not ours, and for data of another version in
 * any form
 */
export function checkEnvelope({ stream, type, version }: LogEvent): void {
  if (!namePattern.test(stream)) throw new Unreadable('its stream’s name is not made of ids');
  const isKnown = version === 1 || version === versionsKnown[type];
  if (!isKnown) throw new Unreadable(`it is of version ${version}`);
}

interface WithData {
  readonly data: Data;
}

export function text({ data }: WithData, field: string): string {
  const value = data[field];
  if (typeof value !== 'string' || value === '') throw new Unreadable(`${field} is no text`);
  return value;
}

/** Undefined when the field is not there. */
export function optionalText(event: WithData, field: string): string | undefined {
  return event.data[field] === undefined ? undefined : text(event, field);
}

/** A whole number of minor units, or of anything else. */
export function money({ data }: WithData, field: string): number {
  const value = data[field];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new Unreadable(`${field} is no amount`);
  }
  return value;
}

export function timeMs(event: WithData, field: string): number {
  const said = text(event, field);
  const value = Date.parse(said);
  // Of the years that PostgreSQL has, and that are written with four digits.
  const isKept = /^(?!0000)\d{4}-.*Z$/.test(said) && !Number.isNaN(value);
  if (!isKept) throw new Unreadable(`${field} is no time from year 1 to 9999`);
  return value;
}

/** A list of objects, each to be read like an event. */
export function list({ data }: WithData, field: string): WithData[] {
  const value = data[field];
  if (!Array.isArray(value)) throw new Unreadable(`${field} is no list`);
  return value.map((item: unknown) => {
    if (typeof item !== 'object' || item === null)
      throw new Unreadable(`${field} holds no objects`);
    return { data: item as Data };
  });
}
