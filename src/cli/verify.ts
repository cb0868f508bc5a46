import { join } from 'node:path';
import type { Command } from 'commander';
import { type Config, readConfig } from '../config.ts';
import { leaveNote } from '../metrics/command-notes.ts';
import { borrowEventStore, borrowServers, logMustExist, mustExist } from '../servers/servers.ts';
import { findService } from '../servers/service-file.ts';
import { type CommandProgress, ProgressMeter } from '../support/progress-meter.ts';
import { graceMsDefault, listedMaxDefault } from '../verify/defaults.ts';
import { describeVerdict, verdictToJson } from '../verify/describe.ts';
import { type Progress, type Verdict, verify } from '../verify/verify-log.ts';
import { wholeNumber } from './whole-number.ts';

/** As the command line has them. */
interface VerifyFlags {
  readonly logOnly?: true;
  readonly json?: true;
  /** How long a hold may stay unresolved after its end, in seconds. */
  readonly grace: number;
  /** Violations listed. */
  readonly max: number;
}

/** `reprise verify`. */
export function defineVerify(command: Command): void {
  command
    .option('--log-only', 'check only the log, not PostgreSQL')
    .option('--json', 'print the verdict as one JSON object')
    .option(
      '--grace <seconds>',
      'how long a hold may stay unresolved after its end',
      wholeNumber(9),
      graceMsDefault / 1_000,
    )
    .option(
      '--max <n>',
      'how many violations to list; all are counted',
      wholeNumber(9),
      listedMaxDefault,
    )
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .addHelpText(
      'after',
      `
The command reads the whole log. It uses none of the service's own code and checks that
  - every seat had at most one owner at any moment
  - the buyer of every sold seat paid it exactly once
  - every hold of a seat or of money was sold, captured or released, or is younger than --grace
  - for every order, the seats and the money are right
  - every buyer of a cancelled session has the money back
  - every balance equals the charges, minus captured and held money, plus refunds
  - no balance is negative
  - the waiting queue admitted no user twice at the same time, and never more users than a limit in
    the log. If moves are missing in the log, it checks less (see reprise help queue audit)
Then it compares PostgreSQL with the log, row by row, at the log position of the read models.
The command counts skipped events (reprise help projections skip). It ignores their content, and
reports what is wrong without them.

The service may be running. If no service is running, the command uses EVENTSTORE_URL and
POSTGRES_URL, or starts the embedded servers on DATA_DIR. It writes nothing to them. For the log of a
stopped service, it uses the time of the newest event as the current time.

Each violation names its event as revision@stream. A violation of PostgreSQL names its row, and the
last event that changed the row. The command prints the progress on standard error. With --json, it
prints no progress.

Exit codes: 0 proven, 1 violations, 2 could not verify.

Examples:
  $ reprise verify
  $ reprise verify --json --max 10 | jq .violations.byCode
  $ EVENTSTORE_URL='esdb://localhost:2113?tls=false' reprise verify --log-only`,
    )
    .action((flags: VerifyFlags) => printVerdict(flags));
}

/**
 * Prints the verdict on standard output, progress on standard error. Sets the exit code: 0 proven,
 * 1 not proven, 2 could not verify.
 */
async function printVerdict(flags: VerifyFlags): Promise<void> {
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

/** The service of this DATA_DIR exports it, and an alarm rings. The verdict stands without it. */
async function tellService(config: Config, { violations }: Verdict): Promise<void> {
  const verify = { at: new Date().toISOString(), violations: violations.total };
  await leaveNote(config, { verify }).catch((error) => {
    console.error(`reprise: metrics will not show this verdict: ${error.message}`);
  });
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
  // A log of our own that no service has open: nobody could have ended what is over since.
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
