import { join } from 'node:path';
import { type Config, readConfig } from '../config.ts';
import { leaveNote } from '../metrics/command-notes.ts';
import { borrowEventStore, borrowServers, logMustExist, mustExist } from '../servers/servers.ts';
import { findService } from '../servers/service-file.ts';
import { type CommandProgress, ProgressMeter } from '../support/progress-meter.ts';
import { describeVerdict, verdictToJson } from '../verify/describe.ts';
import { type Progress, type Verdict, verify } from '../verify/verify-log.ts';
import { keepMark } from './proof-file.ts';

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
 * Prints the verdict on standard output, progress on standard error. Sets the exit code: 0 proven,
 * 1 not proven, 2 could not verify.
 */
export async function printVerdict(flags: VerifyFlags): Promise<void> {
  const isSilent = flags.json === true;
  const meter = new ProgressMeter({ output: process.stderr, isSilent });
  try {
    const config = readConfig(process.env);
    const verdict = await verifyServers(flags, config, meter);
    meter.clear();
    const text = flags.json
      ? JSON.stringify(verdictToJson(verdict), null, 2)
      : describeVerdict(verdict);
    console.log(text);
    await tellService(config, verdict);
    process.exitCode = verdict.violations.total === 0 ? 0 : 1;
  } catch (error) {
    meter.clear();
    const why = error instanceof Error ? error.message || error.name : String(error);
    console.error(`reprise: could not verify: ${why}`);
    process.exitCode = 2;
  }
}

/**
 * The service of this DATA_DIR exports the result, and an alarm may fire. The verdict is valid
 * without this.
 */
async function tellService(config: Config, { violations, mark }: Verdict): Promise<void> {
  const verify = { at: new Date().toISOString(), violations: violations.total };
  await leaveNote(config, { verify }).catch((error) => {
    console.error(`reprise: metrics will not show this verdict: ${error.message}`);
  });
  // Without it the next check proves the whole log again.
  await keepMark(config, mark).catch(() => {});
}

/**
 * Verifies with the running service's servers, with the configured ones, or with embedded ones that
 * are started for this command.
 */
async function verifyServers(
  { logOnly, grace, max }: VerifyFlags,
  config: Config,
  meter: ProgressMeter,
): Promise<Verdict> {
  await logMustExist(config);
  const service = findService(config.dataDir);
  if (config.postgresUrl === undefined && service === undefined && !logOnly) {
    const advice = 'set POSTGRES_URL, or check only the log with --log-only';
    await mustExist(join(config.dataDir, 'postgres'), advice);
  }
  // A local log without a running service. Nobody could end holds after its newest event.
  const asOf = config.eventStoreUrl === undefined && service === undefined ? 'log-end' : 'now';
  const onProgress = (progress: Progress) => meter.show(inWords(progress));
  const options = { graceMs: grace * 1_000, listedMax: max, asOf, onProgress } as const;
  if (logOnly) {
    const { url: eventStoreUrl, stop } = await borrowEventStore(config);
    return verify({ eventStoreUrl, ...options }).finally(stop);
  }
  const servers = await borrowServers(config);
  const { eventStoreUrl, postgresUrl } = servers;
  return verify({ eventStoreUrl, postgresUrl, ...options }).finally(() => servers.stop());
}

const inWords = ({ doing, done, share }: Progress): CommandProgress =>
  doing === 'log'
    ? { doing: 'reading the log', done, unit: 'events', share }
    : { doing: 'comparing PostgreSQL', done, unit: 'rows' };
