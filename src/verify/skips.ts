import { type LogEvent, money, type Report, text, Unreadable } from './finding.ts';

/** Types of events that contain only facts of other events. */
const sums: ReadonlySet<string> = new Set([
  'AccountSummarised',
  'AccountIndexed',
  'AccountTotalled',
]);

/** Where skips are announced. */
export const skippedStream = 'skipped-events';

/** A skipped event, and the later mark in its stream. */
export interface Skip {
  readonly stream: string;
  readonly revision: bigint;
  readonly eventId: string;
  readonly markRevision: bigint;
  readonly markId: string;
}

/**
 * Events that an operator has skipped, because no version could read them. The proof counts them
 * and ignores their content. It checks money and seats as if these events were missing.
 */
export class Skipped {
  readonly #byId: ReadonlyMap<string, Skip>;
  readonly #seen = new Set<string>();
  readonly #marked = new Set<string>();
  /** Marks of skips that were unknown before, in their order. */
  readonly unknown: LogEvent[] = [];

  constructor(skips: readonly Skip[] = []) {
    this.#byId = new Map(skips.map((one) => [one.eventId, one]));
  }

  /** The number of skipped events that were read. */
  get count(): number {
    return this.#seen.size;
  }

  /** Is it one of them? */
  has({ id, stream, revision }: LogEvent): boolean {
    if (this.#byId.size === 0) return false;
    const skip = this.#byId.get(id);
    return skip?.stream === stream && skip.revision === revision;
  }

  /**
   * True for a summary that may include an event that was skipped later. Then the summary does not
   * count either, from any writer.
   */
  isStale({ type, stream, revision }: LogEvent): boolean {
    if (this.#byId.size === 0 || !sums.has(type)) return false;
    for (const skip of this.#byId.values()) {
      const isBetween = skip.revision <= revision && revision < skip.markRevision;
      if (skip.stream === stream && isBetween) return true;
    }
    return false;
  }

  /** Takes one of them. */
  see({ id }: LogEvent): void {
    this.#seen.add(id);
  }

  /**
   * Reads a mark.
   * @throws Unreadable
   */
  mark(event: LogEvent, report: Report): void {
    const eventId = text(event, 'eventId');
    const skip = this.#byId.get(eventId);
    if (skip === undefined) {
      this.unknown.push(event);
      return;
    }
    if (skip.markId !== event.id || this.#marked.has(eventId)) {
      report('wrong-skip', event, `${eventId} is skipped by ${skip.markId}`);
    } else if (!this.#seen.has(eventId)) {
      report('wrong-skip', event, `it has no event ${eventId} at ${skip.revision} before it`);
    }
    this.#marked.add(eventId);
  }

  /**
   * @param now the current skips
   * @throws Error if an event was skipped during the read of the log
   */
  conclude(now: readonly Skip[], report: Report): void {
    for (const event of this.unknown) {
      if (now.some(({ markId }) => markId === event.id)) {
        throw new Error('an event was skipped while the log was read: run it again');
      }
      report(
        'wrong-skip',
        event,
        `${event.data.eventId}: it was not announced, so readers of the log have the event`,
      );
    }
  }
}

/** Does a mark name the event that was announced? */
export const isOf = (skip: Skip, { type, data }: LogEvent): boolean =>
  type === 'EventSkipped' &&
  data.eventId === skip.eventId &&
  data.revision === Number(skip.revision);

export const isMark = ({ type }: Pick<LogEvent, 'type'>): boolean => type === 'EventSkipped';

/**
 * The skip in an announcement or a mark.
 * @throws Unreadable
 */
export function skipIn(event: LogEvent): Skip {
  if (event.type !== 'SkipAnnounced') throw new Unreadable('it announces nothing');
  return {
    stream: text(event, 'stream'),
    revision: BigInt(money(event, 'revision')),
    eventId: text(event, 'eventId'),
    markRevision: BigInt(money(event, 'markRevision')),
    markId: text(event, 'markId'),
  };
}
