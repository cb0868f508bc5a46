import { appendFile, mkdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * `DATA_DIR/alarm/alarm.jsonl` records what `reprise alarm` saw and did, with one JSON object per
 * line, oldest first. Its form is a contract with its readers, for example the report of an
 * incident. Later versions may add fields, but never rename or remove them. Times are ISO 8601 in
 * UTC with milliseconds. Durations are seconds.
 */

const at = z.iso.datetime();

/** One alert: a rule, and the labels that distinguish its alerts. */
const alert = {
  alert: z.string(),
  severity: z.enum(['page', 'ticket', 'none']),
  /** The same for `firing` and `resolved`, and when the alert fires again. */
  fingerprint: z.string(),
  labels: z.record(z.string(), z.string()),
  summary: z.object({ en: z.string(), ko: z.string() }),
  /** Where the rule's section is in `docs/operations.md`. */
  runbook: z.string(),
};

const journalLine = z.discriminatedUnion('kind', [
  /**
   * The alarm began to watch these addresses, or ended. After the end of one alarm, nothing is
   * watched until the next one starts.
   */
  z.object({ kind: z.literal('started'), at, version: z.string(), targets: z.array(z.string()) }),
  z.object({ kind: z.literal('stopped'), at }),
  /**
   * The rule's condition was true for the time that the rule requires. `activeAt`: the start of
   * this time. The fault began at most one round before. `value`: the value of the condition at
   * `at`.
   */
  z.object({ kind: z.literal('firing'), at, ...alert, activeAt: at, value: z.number() }),
  /** `activeAt` is the same as in its `firing`. */
  z.object({ kind: z.literal('resolved'), at, ...alert, activeAt: at }),
  /** A notification that no attempt delivered. `to` has no credentials, path or query. */
  z.object({ kind: z.literal('undelivered'), at, to: z.string(), error: z.string() }),
  /**
   * The activity of one instance in the last `seconds`. There is at most one line per minute and
   * instance.
   */
  z.object({
    kind: z.literal('sample'),
    at,
    instance: z.string(),
    seconds: z.number(),
    /** Did `/livez` answer? If not, the other fields have older values or are absent. */
    up: z.boolean(),
    ready: z.boolean(),
    version: z.string().optional(),
    /** Of buyers; without probes. */
    requests: z.number().optional(),
    /** The requests among these with a 5xx answer. */
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

/** Above this size, the file becomes `alarm.1.jsonl` and replaces the previous one. In bytes. */
const journalBytesMax = 32 * 1_024 * 1_024;

/** In DATA_DIR. */
export const alarmDirectory = (dataDir: string): string => join(dataDir, 'alarm');

const names = { now: 'alarm.jsonl', before: 'alarm.1.jsonl' };

/** Writes the alarm's lines. Only one process may have it. */
export class AlarmJournal {
  readonly #path: string;
  readonly #before: string;
  #writing: Promise<void> = Promise.resolve();

  /** @param dataDir DATA_DIR. The first line creates the directory */
  constructor(dataDir: string) {
    this.#path = join(alarmDirectory(dataDir), names.now);
    this.#before = join(alarmDirectory(dataDir), names.before);
  }

  /**
   * Writes one line after another.
   * @throws the system's error if a line cannot be written
   */
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
 * journal. It leaves out a line that a crash has cut off, and lines of an unknown, newer kind.
 * @throws the system's error if a file exists but cannot be read
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
