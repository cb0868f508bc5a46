import { eachLimited } from '../support/concurrency.ts';
import { graceMsDefault, listedMaxDefault } from './defaults.ts';
import { Findings, type LogEvent, type Violations } from './finding.ts';
import { LogProof } from './log-proof.ts';
import { LogReader } from './log-source.ts';
import type { ProofMark } from './proof-mark.ts';
import { concertsBySession, linesWith, NeedsWhole, naming, streamsNamedBy } from './scope.ts';
import { Skipped, skippedStream } from './skips.ts';
import type { VerifyOptions } from './verify-log.ts';

/** If there are more new events, or more streams to read, a proof of the whole log is as fast. */
const eventsMax = 200_000;
const streamsMax = 20_000;
/** The stream of the operators' steps. The proof of each hour needs it. */
const steering = 'queue-steering';
/** Streams that are read at the same time. */
const concurrent = 16;

/** The result of a proof that begins at a mark. */
export interface SinceVerdict {
  /** The number of new events of the service, and of the streams that were read for them. */
  readonly events: number;
  readonly streams: number;
  readonly violations: Violations;
  /** The mark for the next proof; undefined if there are violations. */
  readonly mark: ProofMark | undefined;
}

/**
 * Proves the events after a mark, and the work that was unfinished at the mark. It reads the new
 * events. Then it completely reads each stream that contains them or that they name. It judges the
 * new events in the same way as `verify`. The events up to the mark stay proven, because the log
 * only grows. For the waiting queue, it reads the steering, the hours of each line with new moves,
 * and some hours before these.
 * @returns the reason if only a proof of the whole log can decide
 * @throws Error when the log cannot be read
 */
export async function verifySince(
  mark: ProofMark,
  options: Pick<VerifyOptions, 'eventStoreUrl' | 'graceMs' | 'listedMax'>,
): Promise<SinceVerdict | string> {
  const log = new LogReader(options.eventStoreUrl);
  try {
    return await proveSince(log, mark, options);
  } finally {
    log.close();
  }
}

/** The reads of the proof. */
type ReadLog = Pick<LogReader, 'skips' | 'readFrom' | 'stream'>;
type SinceOptions = Pick<VerifyOptions, 'graceMs' | 'listedMax'>;

/** The same as `verifySince`, for a log that is open. */
export async function proveSince(
  log: ReadLog,
  mark: ProofMark,
  options: SinceOptions = {},
): Promise<SinceVerdict | string> {
  try {
    return await new SinceProof(log, mark, options).run();
  } catch (error) {
    if (error instanceof NeedsWhole) return error.message;
    throw error;
  }
}

class SinceProof {
  readonly #log: ReadLog;
  readonly #mark: ProofMark;
  readonly #after: bigint;
  readonly #graceMs: number;
  readonly #findings: Findings;
  readonly #streams = new Map<string, readonly LogEvent[]>();
  /** Streams of the waiting queue with new events. */
  readonly #queue = new Set<string>();
  /** The event that is being judged. */
  #now = 0n;
  /** The newest event of the log when the new events were read. */
  #last: LogEvent | undefined;
  #isOver = false;

  constructor(
    log: ReadLog,
    mark: ProofMark,
    { graceMs = graceMsDefault, listedMax = listedMaxDefault }: SinceOptions,
  ) {
    this.#log = log;
    this.#mark = mark;
    this.#after = BigInt(mark.position);
    this.#graceMs = graceMs;
    // An earlier proof has judged the older events, together with all events that they name. Not
    // all of those are read here.
    const counts = (position: bigint) => this.#isOver || position > this.#after;
    this.#findings = new Findings(listedMax, (at) => {
      // The proof judges an admission when another admitted user leaves. So the new event of this
      // user counts, and not the event of the admission.
      const isOfQueue = at?.stream.startsWith('queue-') === true;
      return at === undefined || counts(isOfQueue ? this.#now : at.position);
    });
  }

  async run(): Promise<SinceVerdict> {
    const skipped = new Skipped(await this.#log.skips());
    const proof = new LogProof(this.#findings, skipped);
    const touched = await this.#newStreams(proof);
    await this.#read([...touched, ...this.#mark.unfinished]);
    await this.#readCatalog();
    const queue = await this.#readQueue();
    const restored = await this.#log.stream('restored-log');
    const all = [...this.#streams.values(), ...queue, restored].flat();
    all.sort((a, b) => Number(a.position - b.position) || Number(a.revision - b.revision));
    let events = 0;
    for (const event of all) {
      this.#now = event.position;
      if (proof.see(event) && event.position > this.#after) events += 1;
    }
    this.#isOver = true;
    proof.conclude(Date.now(), this.#graceMs);
    const { violations } = this.#findings;
    const mark = this.#markAfter(proof, violations.total);
    return { events, streams: this.#streams.size, violations, mark };
  }

  #markAfter(proof: LogProof, violations: number): ProofMark | undefined {
    const { epoch, wholeAt } = this.#mark;
    if ((proof.epoch ?? null) !== epoch) throw new NeedsWhole('the log was restored since');
    const unfinished = proof.unfinished();
    if (violations > 0 || unfinished === undefined) return undefined;
    const { position = this.#after, id = this.#mark.eventId } = this.#last ?? {};
    const at = new Date().toISOString();
    return { position: String(position), eventId: id, epoch, wholeAt, at, unfinished };
  }

  /** @returns the streams that have new events @throws NeedsWhole */
  async #newStreams(proof: LogProof): Promise<ReadonlySet<string>> {
    const touched = new Set<string>();
    let isFirst = true;
    let events = 0;
    await this.#log.readFrom(this.#after, (event) => {
      if (isFirst && (event.position !== this.#after || event.id !== this.#mark.eventId)) {
        throw new NeedsWhole('the log has another event where the last proof ended');
      }
      this.#last = event;
      if (!isFirst && event.stream.startsWith('queue-')) this.#queue.add(event.stream);
      else if (!isFirst && isOfInterest(event, proof)) touched.add(event.stream);
      isFirst = false;
      events += 1;
      if (events > eventsMax) throw new NeedsWhole(`more than ${eventsMax} events are new`);
    });
    if (isFirst) throw new NeedsWhole('the log ends before the last proof did');
    return touched;
  }

  /**
   * Reads streams, and the streams that they name. @throws NeedsWhole if one of the streams is
   * empty
   */
  async #read(names: readonly string[]): Promise<void> {
    const known = new Set(names);
    let left = [...known].filter((name) => !this.#streams.has(name));
    while (left.length > 0) {
      if (this.#streams.size + left.length > streamsMax) {
        throw new NeedsWhole(`more than ${streamsMax} streams count`);
      }
      const read = await eachLimited(left, concurrent, (name) => this.#log.stream(name));
      const named = new Set<string>();
      for (const [at, name] of left.entries()) {
        const events = (read[at] ?? []).filter((one) => this.#isInLog(one));
        // If a stream that an event names is empty, the proof judges this. An example is a sale
        // that no account has paid.
        if (events.length === 0 && known.has(name)) throw new NeedsWhole(`${name} cannot be read`);
        this.#streams.set(name, events);
        for (const event of naming(events, this.#after)) {
          for (const other of streamsNamedBy(event)) named.add(other);
        }
      }
      left = [...named].filter((name) => !this.#streams.has(name));
    }
  }

  /** Reads the concerts of the sessions whose seats are judged. */
  async #readCatalog(): Promise<void> {
    const concerts = concertsBySession(await this.#log.stream('catalog-sessions'));
    const sessions = new Set(
      [...this.#streams.keys()]
        .filter((name) => name.startsWith('seat-'))
        .map((name) => name.slice('seat-'.length).split('/', 1)[0] ?? ''),
    );
    const wanted = new Set([...sessions].map((session) => concerts.get(session) ?? ''));
    if (wanted.has('')) throw new NeedsWhole('a session belongs to no concert');
    await this.#read([...wanted].map((concert) => `concert-${concert}`));
  }

  /** @throws NeedsWhole when new moves are in too many streams */
  async #readQueue(): Promise<readonly (readonly LogEvent[])[]> {
    if (this.#queue.size === 0) return [];
    const names = new Set([...this.#queue].flatMap(linesWith));
    if (names.size > streamsMax) throw new NeedsWhole(`more than ${streamsMax} hours count`);
    const wanted = [steering, ...[...names].filter((name) => name !== steering)];
    const read = await eachLimited(wanted, concurrent, (name) => this.#log.stream(name));
    return read.map((events) => events.filter((one) => this.#isInLog(one)));
  }

  /** The next proof judges the events that came while streams were read. @throws NeedsWhole */
  #isInLog({ position, revision }: LogEvent): boolean {
    if (position === 0n && revision > 0n) throw new NeedsWhole('the server tells no positions');
    return position <= (this.#last?.position ?? this.#after);
  }
}

/**
 * Must the proof judge this stream? @throws NeedsWhole for an event that may change the meaning of
 * earlier events
 */
function isOfInterest({ stream, type }: LogEvent, proof: LogProof): boolean {
  const name = stream.startsWith('$$') ? stream.slice(2) : stream;
  const isRare = stream === 'restored-log' || stream === skippedStream || type === 'EventSkipped';
  const isOurs = proof.isOurs(name);
  if (isRare || (isOurs && (name !== stream || type.startsWith('$')))) {
    throw new NeedsWhole(`${stream} has a new ${type}`);
  }
  if (isOurs && stream.startsWith('concert-')) throw new NeedsWhole(`${stream} was changed`);
  return isOurs;
}
