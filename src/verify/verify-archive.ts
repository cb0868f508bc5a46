import { graceMsDefault, listedMaxDefault } from './defaults.ts';
import { type Data, Findings, type LogEvent, restoredMs, Unreadable } from './finding.ts';
import { LogProof } from './log-proof.ts';
import { isMark, isOf, type Skip, Skipped, skipIn, skippedStream } from './skips.ts';
import type { Verdict } from './verify-log.ts';

/**
 * An event in an archive: its bytes, and its time in the log, in steps of 100 ns since the epoch.
 */
export interface ArchivedEvent {
  readonly id: string;
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
  readonly type: string;
  readonly created: string;
  readonly contentType: string;
  readonly metadata: Uint8Array;
  readonly data: Uint8Array;
}

const stepDigits = 4;

/**
 * The skipped events of an archive. They must be known before the check of the events. Therefore a
 * first pass over all events finds them.
 */
export class ArchivedSkips {
  readonly #announced: LogEvent[] = [];
  readonly #marks = new Map<string, LogEvent>();

  see(event: ArchivedEvent): void {
    if (event.stream === skippedStream) this.#announced.push(toLogEvent(event));
    else if (isMark(event)) this.#marks.set(event.id, toLogEvent(event));
  }

  get all(): Skip[] {
    return this.#announced.flatMap((event) => {
      try {
        const skip = skipIn(event);
        const mark = this.#marks.get(skip.markId);
        const isThere = mark?.stream === skip.stream && mark.revision === skip.markRevision;
        return isThere && isOf(skip, mark) ? [skip] : [];
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        return [];
      }
    });
  }
}

/**
 * The proof of the log (`verify`) over an archive. If it succeeds, a shop that is restored from the
 * archive has no seat that is sold twice, and no lost money. The time of the proof is the time of
 * the newest event, because nobody could end holds after it.
 * @param events all events, in parts
 */
export async function verifyArchive(
  events: AsyncIterable<readonly ArchivedEvent[]>,
  skips: ArchivedSkips,
  { graceMs = graceMsDefault, listedMax = listedMaxDefault } = {},
): Promise<Verdict> {
  const findings = new Findings(listedMax);
  const proof = new LogProof(findings, new Skipped(skips.all));
  const beganMs = performance.now();
  let count = 0;
  for await (const some of events) {
    for (const event of some) proof.see(toLogEvent(event));
    count += some.length;
  }
  const log = proof.conclude(proof.newestMs, graceMs);
  return {
    log,
    rows: undefined,
    mark: undefined,
    violations: findings.violations,
    eventsPerSecond: Math.round((count * 1_000) / Math.max(1, performance.now() - beganMs)),
  };
}

function toLogEvent(event: ArchivedEvent): LogEvent {
  const { id, stream, revision, position, type, created, contentType } = event;
  const data = contentType === 'application/json' ? objectIn(event.data) : undefined;
  const metadata = objectIn(event.metadata);
  const { schemaVersion: version, commandId } = metadata ?? {};
  const restored = restoredMs(metadata);
  return {
    ...{ id, stream, revision, position, type, version, commandId },
    createdMs: restored ?? Number(created.slice(0, -stepDigits)),
    isRestored: restored !== undefined,
    data: data ?? {},
  };
}

function objectIn(bytes: Uint8Array): Data | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return typeof value === 'object' && value !== null ? (value as Data) : undefined;
  } catch {
    return undefined;
  }
}
