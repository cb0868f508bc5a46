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

/** Findings of either kind that are listed, unless said otherwise. */
const listedDefault = 20;
/** Events between two looks at the progress. */
const progressEvents = 500;
/** A pause is up to a quarter longer, and its poll may be a second late; one more for the way. */
const askMsMax = ({ queue }: Config): number => 1.25 * queue.pauseMaxMs + 2_000;
/** The clocks of those who write may differ by this much, in milliseconds. */
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
    .option(
      '--from <time>',
      'judge what happened from this moment on: 2027-05-01T19:00:00Z',
      moment,
    )
    .option('--to <time>', 'judge what happened until this moment', moment)
    .option(
      '--places <n>',
      'the setting QUEUE_ADMITTED_MAX of that time; default the present one',
      wholeNumber(7),
    )
    .option('--max <n>', 'how many findings of a kind to list', wholeNumber(6), listedDefault)
    .option('--csv', 'print a line per stay instead: who waited, when admitted, what departed')
    .option('--json', 'print the verdict as one JSON object')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .addHelpText('after', help)
    .action((flags: AuditFlags) => printAudit(flags));
}

const help = `
The command reads the queue's events in the log (QUEUE_LOG=on), of every room, and proves that
  - users were admitted in the order in which they enrolled, except for those who were away
  - never more users were inside at once than the limit of places, as it was steered at the time
  - nobody was admitted while inside, or while the queue was paused
  - who took part in a lot was admitted by the draw that its seed makes, and nobody was admitted
    before the sale opened
It needs no running service. It writes nothing.

An exception departs from the plain order for a reason that the log shows:
  away                   did not poll as told while others were admitted
  unclaimed              was admitted, did not come, and gave the place to the next
  gave-way, steered,     was there; the place that was kept for the next poll went to somebody in
  standstill             front who came back, was steered away, or nobody at all was served
  cleared                waited when an operator emptied the line
  limit-lowered          inside when an operator lowered the limit: nobody is thrown out
  enrolled-again, …-not-in-log
                         moves that the log does not have: a process was killed within its last
                         150 ms, Redis lost a key, or the service was down for 12 hours
A violation has no such reason. Then the queue was not fair, or the log is not whole.

A user who polls as told asks again within QUEUE_PAUSE_SECONDS and a quarter. So the command takes
an admission of somebody behind, within that time before one's own, for no violation. It judges by
the present settings; --places names another QUEUE_ADMITTED_MAX.

--from and --to choose the period; places are known from 12 hours before it. Progress goes to
standard error. The command keeps in memory those who wait or are inside (about 300 bytes each) and
up to 50 MB beside.

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
