import { graceMsDefault, listedMaxDefault } from './defaults.ts';
import { ExpectedTables } from './expected-tables.ts';
import { Findings, type LogEvent, type Violations } from './finding.ts';
import { type LogFigures, LogProof } from './log-proof.ts';
import { LogReader } from './log-source.ts';
import type { ProofMark } from './proof-mark.ts';
import { type Checkpoint, ReadModels } from './read-models.ts';
import { compareRows } from './row-differences.ts';
import { type Skip, Skipped } from './skips.ts';

/** Events between two calls of `onProgress`. */
const progressEvents = 500;

export interface VerifyOptions {
  /** esdb:// or esdb+discover:// connection string */
  readonly eventStoreUrl: string;
  /** `postgres://`; undefined verifies the log only. */
  readonly postgresUrl?: string | undefined;
  /** Default 15,000. */
  readonly graceMs?: number;
  /**
   * The time that decides whether a hold is recent or over. `now`, or `log-end` for a log without a
   * running service: the time of its newest event, because nobody could end holds after it. Default
   * `now`.
   */
  readonly asOf?: 'now' | 'log-end';
  /** Default 100. */
  readonly listedMax?: number;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly doing: 'log' | 'rows';
  /** Events or rows done so far. */
  readonly done: number;
  /** The share of the log that was read, from 0 to 1; undefined while rows are compared. */
  readonly share: number | undefined;
}

/** The result of the proof. */
export interface Verdict {
  readonly log: LogFigures;
  /** Undefined if PostgreSQL was not checked. */
  readonly rows: RowFigures | undefined;
  readonly violations: Violations;
  /**
   * The mark from which the next proof can continue; undefined if the log has violations or no
   * event.
   */
  readonly mark: ProofMark | undefined;
  /** The speed of reading and checking the log, without the comparison of rows. */
  readonly eventsPerSecond: number;
}

export interface RowFigures {
  /** The log position of the read models, at which they were compared; null at the log's start. */
  readonly position: bigint | null;
  /** The number of rows of each table in PostgreSQL. */
  readonly tables: Readonly<Record<string, number>>;
}

/**
 * Reads the whole log, and proves or refutes the rules of a sale. It also compares the read models
 * with the log, at their checkpoint. The service may be running.
 * @throws Error if the log or the tables cannot be read
 */
export async function verify(options: VerifyOptions): Promise<Verdict> {
  const { graceMs = graceMsDefault, listedMax = listedMaxDefault } = options;
  const findings = new Findings(listedMax);
  const reading = new Reading(options);
  try {
    await reading.begin();
    const skipped = new Skipped(await reading.skips());
    const proof = new LogProof(findings, skipped);
    const rows =
      options.postgresUrl === undefined
        ? undefined
        : await verifyRows(options.postgresUrl, { reading, proof, findings, skipped });
    await reading.to(undefined, (event) => proof.see(event));
    if (skipped.unknown.length > 0) skipped.conclude(await reading.skips(), findings.report);
    const atMs = options.asOf === 'log-end' ? proof.newestMs : Date.now();
    const log = proof.conclude(atMs, graceMs);
    const { violations } = findings;
    const mark = violations.total > 0 ? undefined : markOf(proof, reading.last);
    return { log, rows, violations, mark, eventsPerSecond: reading.eventsPerSecond };
  } finally {
    reading.close();
  }
}

function markOf(proof: LogProof, last: LogEvent | undefined): ProofMark | undefined {
  const unfinished = proof.unfinished();
  if (last === undefined || unfinished === undefined) return undefined;
  const at = new Date().toISOString();
  return {
    ...{ position: String(last.position), eventId: last.id, epoch: proof.epoch ?? null },
    ...{ wholeAt: at, at, unfinished },
  };
}

async function verifyRows(
  postgresUrl: string,
  parts: {
    readonly reading: Reading;
    readonly proof: LogProof;
    readonly findings: Findings;
    readonly skipped: Skipped;
  },
): Promise<RowFigures> {
  const { reading, proof, findings, skipped } = parts;
  const expected = new ExpectedTables(skipped);
  let newest: LogEvent | undefined;
  const see = (event: LogEvent): void => {
    // The store's own event on a deleted stream is not an event of the service.
    if (proof.isOurs(event.stream) && event.type !== '$streamDeleted') newest = event;
    if (proof.see(event)) expected.see(event);
  };
  const models = new ReadModels(postgresUrl);
  try {
    // First read most of the log, so that the one transaction that sees all the tables is short.
    await reading.to(onePosition(await models.checkpoints()) ?? 0n, see);
    await models.freeze(expected.all.map(({ name }) => name));
    const checkpoints = await models.checkpoints();
    const position = onePosition(checkpoints);
    if (position === undefined) {
      const found = checkpoints.map((one) => `${one.name} ${one.position ?? 'start'}`);
      const detail = `the projections are at different positions, no rows were compared: ${found.join(', ')}`;
      findings.report('wrong-checkpoint', undefined, detail, 'projection_checkpoint');
      return { position: null, tables: {} };
    }
    await reading.to(position ?? 0n, see);
    checkAhead(checkpoints, reading.last, findings);
    checkNewest(checkpoints, newest, findings);
    const tables: Record<string, number> = {};
    for (const table of expected.all) {
      tables[table.name] = await compareRows(models, table, findings, (rows) => reading.rows(rows));
    }
    return { position, tables };
  } finally {
    await models.close();
  }
}

/** Null at the log's start; undefined when the projections are at different positions. */
function onePosition(checkpoints: readonly Checkpoint[]): bigint | null | undefined {
  const [first = null, ...others] = new Set(checkpoints.map(({ position }) => position));
  return others.length === 0 ? first : undefined;
}

/** Checks for tables of another log, or of a log that has lost its end. */
function checkAhead(
  checkpoints: readonly Checkpoint[],
  last: LogEvent | undefined,
  findings: Findings,
): void {
  for (const { name, eventPosition } of checkpoints) {
    if (eventPosition === null || eventPosition <= (last?.position ?? -1n)) continue;
    const detail = `it has an event at ${eventPosition}, the log ends at ${last?.position ?? 'its start'}`;
    findings.report('wrong-checkpoint', undefined, detail, `projection_checkpoint ${name}`);
  }
}

/**
 * Checks whether the log has another event at the position of the tables' last event. Then somebody
 * has replaced the log, or restored an older copy that continued.
 */
function checkNewest(
  checkpoints: readonly Checkpoint[],
  newest: LogEvent | undefined,
  findings: Findings,
): void {
  for (const { name, eventPosition, eventId } of checkpoints) {
    if (eventPosition === null || eventId === null || newest === undefined) continue;
    // It is already reported that the log ends too early.
    if (eventPosition > newest.position || eventId === newest.id) continue;
    const detail =
      `its last event is ${eventId} at ${eventPosition}, the log has ${newest.id} at ${newest.position} as the last one ` +
      'up to there';
    findings.report('wrong-checkpoint', undefined, detail, `projection_checkpoint ${name}`);
  }
}

/** The running read of the log, with its progress. */
class Reading {
  readonly #log: LogReader;
  readonly #onProgress: (progress: Progress) => void;
  #head = 0n;
  #events = 0;
  #rows = 0;
  #ms = 0;

  constructor({ eventStoreUrl, onProgress = () => {} }: VerifyOptions) {
    this.#log = new LogReader(eventStoreUrl);
    this.#onProgress = onProgress;
  }

  get last(): LogEvent | undefined {
    return this.#log.last;
  }

  get eventsPerSecond(): number {
    return this.#ms === 0 ? 0 : Math.round((this.#events * 1_000) / this.#ms);
  }

  async begin(): Promise<void> {
    this.#head = (await this.#log.head()) ?? 0n;
  }

  skips(): Promise<Skip[]> {
    return this.#log.skips();
  }

  async to(position: bigint | undefined, see: (event: LogEvent) => void): Promise<void> {
    const beginMs = performance.now();
    await this.#log.readTo(position, (event) => {
      see(event);
      this.#events += 1;
      if (this.#events % progressEvents === 0) this.#tellEvents(event.position);
    });
    this.#ms += performance.now() - beginMs;
  }

  /** Called with the number of rows that were compared since the last call. */
  rows(count: number): void {
    this.#rows += count;
    this.#onProgress({ doing: 'rows', done: this.#rows, share: undefined });
  }

  close(): void {
    this.#log.close();
  }

  #tellEvents(position: bigint): void {
    // If the log grows meanwhile, the read passes its earlier end.
    const share = this.#head === 0n ? 1 : Math.min(1, Number(position) / Number(this.#head));
    this.#onProgress({ doing: 'log', done: this.#events, share });
  }
}
