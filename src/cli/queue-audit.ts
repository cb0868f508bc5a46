import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { type AuditVerdict, auditQueue } from '../audit/audit-queue.ts';
import { csvHead, csvLine, describeAudit } from '../audit/audit-words.ts';
import type { Stay } from '../audit/audited-place.ts';
import { type Config, readConfig } from '../config.ts';
import { isReaderGone, Output } from '../history/output.ts';
import { logMustExist } from '../servers/servers.ts';
import { ProgressMeter } from '../support/progress-meter.ts';
import { wholeNumber } from './whole-number.ts';
import { withLog } from './with-servers.ts';

/** The number of listed findings of each kind, unless an option sets another number. */
const listedDefault = 20;
/** The number of events between two updates of the progress. */
const progressEvents = 500;
/**
 * A pause may be a quarter longer, and its poll one second late. One more second is for the
 * network.
 */
const askMsMax = ({ queue }: Config): number => 1.25 * queue.pauseMaxMs + 2_000;
/** The clocks of the instances may differ by this much, in milliseconds. */
const slackMs = 60_000;

interface AuditFlags {
  readonly from?: number;
  readonly to?: number;
  readonly places?: number;
  readonly csv?: true;
  readonly json?: true;
  readonly max: number;
}

/** `reprise queue audit`. */
export function defineQueueAudit(command: Command): void {
  command
    .option('--from <time>', 'check the events from this time on: 2027-05-01T19:00:00Z', moment)
    .option('--to <time>', 'check the events until this time', moment)
    .option(
      '--places <n>',
      'QUEUE_ADMITTED_MAX at that time; default: the current setting',
      wholeNumber(7),
    )
    .option(
      '--max <n>',
      'how many exceptions and violations to list, of each',
      wholeNumber(6),
      listedDefault,
    )
    .option('--csv', 'print one line per stay of a user instead: times, admission, exceptions')
    .option('--json', 'print the verdict as one JSON object')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .addHelpText('after', help)
    .action((flags: AuditFlags) => printAudit(flags));
}

const help = `
The command reads the events of the queue in the log (QUEUE_LOG=on), of every room. It proves that
  - the queue admitted users in the order in which they enrolled, except users who were away
  - the number of admitted users never exceeded the limit of places at that time
  - the queue admitted nobody who was already admitted, and nobody while it was paused
  - after a lot, the queue admitted users in the order of the draw, and nobody before the sale opened
It needs no running service. It writes nothing.

An exception is a departure from this order. The log shows its reason:
  away                   the user did not poll in time while others were admitted
  unclaimed              the user was admitted, but did not claim the place; the next user got it
  gave-way               the user was present; a user in front came back and got the reserved place
  steered                the user was present; a command of an operator took the reserved place away
  standstill             the user was present; the queue moved no user for some time
  cleared                the user waited when an operator emptied the line
  limit-lowered          the user was admitted when an operator lowered the limit, and stays admitted
  enrolled-again, …-not-in-log
                         moves are missing in the log: a process was killed within its last 150 ms,
                         Redis lost a key, or the service was down for 12 hours
A violation has no such reason. Then the queue was not fair, or the log is not complete.

A present user polls again within 1.25 times QUEUE_PAUSE_SECONDS plus 2 s. In this time, a later
user may be admitted first. The command does not count this as a violation. It uses the current
settings; --places sets another QUEUE_ADMITTED_MAX.

--from and --to choose the period. The command also reads the 12 hours before it. It prints the
progress on standard error. It needs about 300 bytes of memory for each user who waits or is
admitted, and up to 50 MB in addition.

Exit codes: 0 proven, 1 violations, 2 could not read the log.

Examples:
  $ reprise queue audit
  $ reprise queue audit --from 2027-05-01T19:00:00+09:00 --to 2027-05-01T20:00:00+09:00
  $ reprise queue audit --csv > stays.csv
  $ reprise queue audit --json | jq .exceptions.byCode`;

/** Milliseconds since the epoch. */
function moment(text: string): number {
  const isTime = z.iso.datetime({ offset: true }).safeParse(text).success;
  if (!isTime) throw new InvalidArgumentError('Give a time like 2027-05-01T19:00:00+09:00.');
  return Date.parse(text);
}

/** Sets the exit code: 0 proven, 1 violations, 2 could not read the log. */
async function printAudit(flags: AuditFlags): Promise<void> {
  const meter = new ProgressMeter({ output: process.stderr, isSilent: flags.json === true });
  const output = new Output();
  try {
    const verdict = await audit(flags, readConfig(process.env), meter, output);
    meter.clear();
    if (flags.csv !== true) {
      const text = flags.json ? JSON.stringify(verdict, null, 2) : describeAudit(verdict);
      await output.write(`${text}\n`);
    }
    process.exitCode = verdict.violations.total === 0 ? 0 : 1;
  } catch (error) {
    meter.clear();
    if (isReaderGone(error)) return;
    console.error(
      `reprise: could not audit the queue: ${error instanceof Error ? error.message : error}`,
    );
    process.exitCode = 2;
  }
}

async function audit(
  { from, to, places, csv, max }: AuditFlags,
  config: Config,
  meter: ProgressMeter,
  output: Output,
): Promise<AuditVerdict> {
  await logMustExist(config);
  if (csv) await output.write(`${csvHead}\n`);
  const { admittedMax, placeMaxMs, afterPaymentMs } = config.queue;
  return withLog(config, (store) =>
    auditQueue(store, {
      settings: {
        places: places ?? admittedMax,
        lifeMsMax: placeMaxMs + afterPaymentMs + slackMs,
        askMsMax: askMsMax(config),
      },
      ...{ fromMs: from, untilMs: to, listedMax: max },
      ...(csv && {
        onStays: (stays: readonly Stay[]) => output.write(`${stays.map(csvLine).join('\n')}\n`),
      }),
      onProgress(events) {
        if (events % progressEvents !== 0) return;
        meter.show({ doing: 'reading the queue’s events', done: events, unit: 'events' });
      },
    }),
  );
}
