import { appendFile, mkdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * `DATA_DIR/alarm/alarm.jsonl`: what `reprise alarm` saw and did, one JSON object a line, oldest
 * first. It is the contract with who reads it afterwards, such as the report of an incident: fields
 * are added, and never renamed or removed. Times are ISO 8601 in UTC with milliseconds; durations
 * are seconds.
 */

const at = z.iso.datetime();

/** One alert: a rule, and the labels that tell its alerts apart. */
const alert = {
  alert: z.string(),
  severity: z.enum(['page', 'ticket', 'none']),
  /** Stays the same from `firing` to `resolved`, and the next time. */
  fingerprint: z.string(),
  labels: z.record(z.string(), z.string()),
  summary: z.object({ en: z.string(), ko: z.string() }),
  /** Where the rule's section is in `docs/operations.md`. */
  runbook: z.string(),
};

const journalLine = z.discriminatedUnion('kind', [
  /** The alarm began to watch these addresses, or ended. Between two of these nobody watched. */
  z.object({ kind: z.literal('started'), at, version: z.string(), targets: z.array(z.string()) }),
  z.object({ kind: z.literal('stopped'), at }),
  /**
   * The rule's condition was true for as long as the rule says. `activeAt`: since when it was true:
   * the time of the fault is at most one round before it. `value`: of the condition, at `at`.
   */
  z.object({ kind: z.literal('firing'), at, ...alert, activeAt: at, value: z.number() }),
  /** `activeAt` is that of its `firing`. */
  z.object({ kind: z.literal('resolved'), at, ...alert, activeAt: at }),
  /** A notification that no attempt delivered. `to`: without credentials, path and query. */
  z.object({ kind: z.literal('undelivered'), at, to: z.string(), error: z.string() }),
  /** What one instance did in the last `seconds`, at most one line a minute for each instance. */
  z.object({
    kind: z.literal('sample'),
    at,
    instance: z.string(),
    seconds: z.number(),
    /** `/livez` was answered; with false, the rest is what was known before, or absent. */
    up: z.boolean(),
    ready: z.boolean(),
    version: z.string().optional(),
    /** Of buyers; without probes. */
    requests: z.number().optional(),
    /** Of these, answered with 5xx. */
    failed: z.number().optional(),
    /** The same failures by call and by problem code. */
    failedByCall: z.record(z.string(), z.number()).optional(),
    problems: z.record(z.string(), z.number()).optional(),
    /** Reservations and payments by outcome (`held`, `paid`, a refusal's code, `error`). */
    reservations: z.record(z.string(), z.number()).optional(),
    payments: z.record(z.string(), z.number()).optional(),
    /** Of these requests' durations. */
    p95Seconds: z.number().optional(),
    lagSeconds: z.number().optional(),
    waiting: z.number().optional(),
    admitted: z.number().optional(),
    /** Embedded servers that were started again. */
    restarts: z.number().optional(),
  }),
]);

export type JournalLine = z.infer<typeof journalLine>;

/** Above this the file becomes `alarm.1.jsonl`, in place of the one before; in bytes. */
const journalBytesMax = 32 * 1_024 * 1_024;

/** In DATA_DIR. */
export const alarmDirectory = (dataDir: string): string => join(dataDir, 'alarm');

const names = { now: 'alarm.jsonl', before: 'alarm.1.jsonl' };

/** Where the alarm writes its lines. One process has it at a time. */
export class AlarmJournal {
  readonly #path: string;
  readonly #before: string;
  #writing: Promise<void> = Promise.resolve();

  /** @param dataDir DATA_DIR: the directory is made with the first line */
  constructor(dataDir: string) {
    this.#path = join(alarmDirectory(dataDir), names.now);
    this.#before = join(alarmDirectory(dataDir), names.before);
  }

  /** One line after another. @throws the system's error when it cannot be written */
  append(line: JournalLine): Promise<void> {
    const written = this.#writing.then(() => this.#append(line));
    this.#writing = written.catch(() => {});
    return written;
  }

  async #append(line: JournalLine): Promise<void> {
    await mkdir(join(this.#path, '..'), { recursive: true });
    const size = await stat(this.#path).then(
      (is) => is.size,
      () => 0,
    );
    if (size >= journalBytesMax) await rename(this.#path, this.#before);
    await appendFile(this.#path, `${JSON.stringify(line)}\n`);
  }
}

/**
 * The lines from `fromMs` to `untilMs` (milliseconds since the epoch), oldest first; none without a
 * journal. A line that a crash cut short, or of a kind that a newer version added, is left out.
 * @throws the system's error when a file is there and cannot be read
 */
export async function readAlarmJournal(
  dataDir: string,
  { fromMs = 0, untilMs = Number.POSITIVE_INFINITY } = {},
): Promise<readonly JournalLine[]> {
  const lines: JournalLine[] = [];
  for (const name of [names.before, names.now]) {
    const path = join(alarmDirectory(dataDir), name);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    for (const line of text.split('\n')) {
      const parsed = journalLine.safeParse(jsonOr(line));
      if (!parsed.success) continue;
      const atMs = Date.parse(parsed.data.at);
      if (atMs >= fromMs && atMs <= untilMs) lines.push(parsed.data);
    }
  }
  return lines;
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
