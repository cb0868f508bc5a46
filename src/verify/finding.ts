import { typesKnown, versionsKnown } from './forms.ts';

/** An event in the verifier's own form. None of the service's code has read it. */
export interface LogEvent extends Moment {
  readonly id: string;
  readonly type: string;
  readonly data: Data;
  /** The version of the data's shape, from the metadata. */
  readonly version: unknown;
  /** The id of its command, from the metadata. */
  readonly commandId?: unknown;
  /** True if it was restored from a backup. Then `createdMs` is its original time. */
  readonly isRestored?: boolean;
}

/**
 * The original time of an event that was restored from a backup. The log's own time is the time of
 * the restore.
 * @param metadata the event's metadata
 */
export function restoredMs(metadata: unknown): number | undefined {
  const { recordedAt } = (metadata ?? {}) as { readonly recordedAt?: unknown };
  const ms = typeof recordedAt === 'string' ? Date.parse(recordedAt) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** The place and time of an event. Only this part of an event is kept. */
export interface Moment {
  readonly stream: string;
  readonly revision: bigint;
  /** Commit position in the log: grows, with gaps. */
  readonly position: bigint;
  /** The time of the event in the log, in milliseconds since the epoch. */
  readonly createdMs: number;
}

export type Data = Readonly<Record<string, unknown>>;

export const momentOf = ({ stream, revision, position, createdMs }: Moment): Moment => ({
  stream,
  revision,
  position,
  createdMs,
});

/** The kinds of violations. The last ones concern PostgreSQL, all others the log. */
export type ViolationCode =
  /** A stream's revisions have a gap. */
  | 'revision-gap'
  /**
   * A stream whose metadata hides events. It was deleted, truncated, or limited. The service
   * decides nothing on it.
   */
  | 'stream-cut'
  /** An unreadable event. Nothing is proven about its stream. */
  | 'unreadable'
  /** A mark that skips a wrong event, or that was not announced to readers. */
  | 'wrong-skip'
  /**
   * A restore that did not finish or that differs from its own description, or an event that
   * falsely says that it was restored.
   */
  | 'wrong-restore'
  /** A session scheduled twice, or changed without having been scheduled. */
  | 'wrong-session'
  /** A concert's title or venue that no list can show as it is. */
  | 'wrong-title'
  /** A reservation's id does not name its seat and the number of its hold. */
  | 'wrong-reservation-id'
  /** A seat that no session has, or that has another price. */
  | 'wrong-price'
  /** A seat was reserved while another reservation held it or had bought it. */
  | 'double-reservation'
  | 'double-sale'
  /** A seat was sold, but not to the reservation or user that held it. */
  | 'sale-without-reservation'
  /** A seat was sold, but its buyer held no money for it. */
  | 'unpaid-sale'
  /**
   * A release of a seat that was not held or was sold, or a release for another reason than the
   * order's end.
   */
  | 'wrong-release'
  /** A hold ended long ago, but its seat was never given back. */
  | 'lost-release'
  /** An order was paid long ago, but one of its seats was never sold. */
  | 'lost-sale'
  /** A session was cancelled long ago, but one of its seats was never given back. */
  | 'kept-after-cancel'
  /** An order that does not fit its seats, or whose steps are in a wrong order. */
  | 'wrong-order'
  /** An order that was placed, paid or ended long ago, but was never settled. */
  | 'unsettled-order'
  /** The balance in an event differs from the sum of the account's events. */
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
  /** An event ends a payment that was not held or had already ended. */
  | 'wrong-resolution'
  /** Money was captured, but the seat was not sold to this payment. */
  | 'capture-without-sale'
  /** Money was given back, but the seat was sold to this payment and not given back. */
  | 'released-but-sold'
  /** A sold seat was given back long ago, but its money was not. */
  | 'lost-refund'
  /** A summary of an account that differs from its events. */
  | 'wrong-summary'
  /** Money was held for too long, and neither captured nor given back. */
  | 'unresolved-payment'
  /** An event of the waiting queue on a wrong stream, or an impossible number. */
  | 'wrong-queue'
  /** A user was admitted twice at the same time. */
  | 'queue-inside-twice'
  /** A user was admitted although the number of admitted users had reached the limit in the log. */
  | 'queue-over-limit'
  /** A row that the table lacks, although the log requires it. */
  | 'row-missing'
  /** A row that no event of the log made, or that exists twice. */
  | 'row-extra'
  /** A row whose value differs from the log. */
  | 'row-differs'
  /**
   * The checkpoints of the read models differ, or they are at events that the log does not have.
   */
  | 'wrong-checkpoint';

export interface Violation {
  readonly code: ViolationCode;
  /**
   * The event of the violation. For a row, the last event that changed it. Undefined for a row that
   * no event made.
   */
  readonly stream: string | undefined;
  readonly revision: bigint | undefined;
  /** The row that is wrong, as `<table> <key>`; undefined for a violation of the log. */
  readonly row: string | undefined;
  readonly detail: string;
}

export type Report = (code: ViolationCode, at: Moment, detail: string) => void;

export interface Violations {
  readonly total: number;
  readonly byCode: Readonly<Partial<Record<ViolationCode, number>>>;
  /** The first violations, in the order in which they were found. */
  readonly listed: readonly Violation[];
}

/** The violations that were found. All are counted, and the first ones are kept. */
export class Findings {
  readonly #keptMax: number;
  readonly #isCounted: (at: Moment | undefined) => boolean;
  /** In the order in which they were found. */
  readonly kept: Violation[] = [];
  readonly #counts = new Map<ViolationCode, number>();

  /** @param isCounted does a violation at this event count? Default: each counts */
  constructor(keptMax: number, isCounted: (at: Moment | undefined) => boolean = () => true) {
    this.#keptMax = keptMax;
    this.#isCounted = isCounted;
  }

  /** The number of violations of each kind. */
  get counts(): ReadonlyMap<ViolationCode, number> {
    return this.#counts;
  }

  get total(): number {
    let total = 0;
    for (const count of this.#counts.values()) total += count;
    return total;
  }

  /** All violations, in the form of a verdict. */
  get violations(): Violations {
    return { total: this.total, byCode: Object.fromEntries(this.#counts), listed: this.kept };
  }

  readonly report = (
    code: ViolationCode,
    at: Moment | undefined,
    detail: string,
    row?: string,
  ): void => {
    if (!this.#isCounted(at)) return;
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    if (this.kept.length >= this.#keptMax) return;
    this.kept.push({ code, stream: at?.stream, revision: at?.revision, row, detail });
  };
}

/** The subject of a payment: a seat's reservation, or an order. */
export interface Purchase {
  /** The reservation id that payments name. */
  readonly id: string;
  readonly userId: string;
  readonly price: number;
  readonly currency: string;
  /** The payment that bought it. It stays after the purchase was given back. */
  soldTo: string | undefined;
  /** The event that gave it back after it was sold. */
  returned: Moment | undefined;
}

/** Data that does not have the form of its event's type. */
export class Unreadable extends Error {}

/**
 * Could any version of the service have written it? All of them add a version. An event of an
 * unknown type with a command id is from a later version.
 */
export const isOfService = ({ type, version, commandId }: LogEvent): boolean =>
  Number.isSafeInteger(version) &&
  (version as number) >= 1 &&
  (typesKnown.has(type) || typeof commandId === 'string');

/** Ids are visible ASCII, and so is a stream's name, which is made of them. */
const namePattern = /^[!-~]{1,500}$/;

/** @throws Unreadable for events on foreign streams, and for data of an unknown version */
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

/** Undefined if the field is missing. */
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
  // Only years that PostgreSQL has and that are written with four digits.
  const isKept = /^(?!0000)\d{4}-.*Z$/.test(said) && !Number.isNaN(value);
  if (!isKept) throw new Unreadable(`${field} is no time from year 1 to 9999`);
  return value;
}

/** A list of objects. Each can be read like an event's data. */
export function list({ data }: WithData, field: string): WithData[] {
  const value = data[field];
  if (!Array.isArray(value)) throw new Unreadable(`${field} is no list`);
  return value.map((item: unknown) => {
    if (typeof item !== 'object' || item === null)
      throw new Unreadable(`${field} holds no objects`);
    return { data: item as Data };
  });
}
