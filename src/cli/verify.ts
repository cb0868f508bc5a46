import { join } from 'node:path';
import { type Config, readConfig } from '../config.ts';
import { borrowEventStore, borrowServers, logMustExist, mustExist } from '../servers/servers.ts';
import { findService } from '../servers/service-file.ts';
import { describeVerdict, verdictToJson } from '../verify/describe.ts';
import { type Progress, type Verdict, verify } from '../verify/verify.ts';

/** Between two updates of the line on a terminal, in milliseconds. */
const terminalMs = 200;
/** Between two plain lines of progress, in milliseconds. */
const plainMs = 5_000;

/** As the command line has them. */
export interface VerifyFlags {
  readonly logOnly?: true;
  readonly json?: true;
  /** How long a hold may stay unresolved after its end, in seconds. */
  readonly grace: number;
  /** Violations listed. */
  readonly max: number;
}

/**
 * `reprise verify`: the verdict on standard output, progress on standard error. Sets the exit code: 0 proven, 1 not proven,
 * 2 could not verify.
 */
export async function verifyLog(
  flags: VerifyFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const meter = new ProgressMeter(flags.json === true);
  try {
    const verdict = await verifyServers(flags, readConfig(env), meter);
    meter.end();
    const text = flags.json
      ? JSON.stringify(verdictToJson(verdict), null, 2)
      : describeVerdict(verdict);
    console.log(text);
    process.exitCode = verdict.violations.total === 0 ? 0 : 1;
  } catch (error) {
    meter.end();
    const why = error instanceof Error ? error.message || error.name : String(error);
    console.error(`reprise: could not verify: ${why}`);
    process.exitCode = 2;
  }
}

/** With the running service's servers, the configured ones, or the embedded ones started for this command. */
async function verifyServers(
  { logOnly, grace, max }: VerifyFlags,
  config: Config,
  meter: ProgressMeter,
): Promise<Verdict> {
  await logMustExist(config);
  const service = findService(config.dataDir);
  if (config.postgresUrl === undefined && service === undefined && !logOnly) {
    const advice = 'set POSTGRES_URL, or verify the log alone with --log-only';
    await mustExist(join(config.dataDir, 'postgres'), advice);
  }
  // A log of our own that no service has open: nobody could have ended what is over since.
  const asOf = config.eventStoreUrl === undefined && service === undefined ? 'log-end' : 'now';
  const onProgress = (progress: Progress) => meter.tell(progress);
  const options = { graceMs: grace * 1_000, listedMax: max, asOf, onProgress } as const;
  if (logOnly) {
    const { url: eventStoreUrl, stop } = await borrowEventStore(config);
    return verify({ eventStoreUrl, ...options }).finally(stop);
  }
  const servers = await borrowServers(config);
  const { eventStoreUrl, postgresUrl } = servers;
  return verify({ eventStoreUrl, postgresUrl, ...options }).finally(() => servers.stop());
}

/** Progress on standard error: one line rewritten on a terminal, a plain line now and then otherwise. */
class ProgressMeter {
  readonly #terminal = process.stderr.isTTY === true;
  readonly #quiet: boolean;
  readonly #beganMs = performance.now();
  #toldMs = performance.now();

  constructor(json: boolean) {
    this.#quiet = json && !this.#terminal;
  }

  tell({ doing, done, share }: Progress): void {
    const nowMs = performance.now();
    if (this.#quiet || nowMs - this.#toldMs < (this.#terminal ? terminalMs : plainMs)) return;
    this.#toldMs = nowMs;
    const rate = Math.round((done * 1_000) / (nowMs - this.#beganMs));
    const percent = share === undefined ? '' : `${Math.floor(share * 100)} %, `;
    const line =
      doing === 'log'
        ? `reading the log: ${percent}${done} events, ${rate}/s`
        : `comparing PostgreSQL: ${done} rows`;
    process.stderr.write(this.#terminal ? `\r\u001b[K${line}` : `${line}\n`);
  }

  end(): void {
    if (this.#terminal) process.stderr.write('\r\u001b[K');
  }
}
