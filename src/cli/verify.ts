import type { Command } from 'commander';
import { graceMsDefault, listedMaxDefault } from '../verify/defaults.ts';
import type { VerifyFlags } from './verify-run.ts';
import { wholeNumber } from './whole-number.ts';

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
  - no seat stays held for longer than --grace after the end of its hold
  - no money of a payment stays held for longer than --grace
  - for every order, the seats and the money are right
  - every buyer of a cancelled session has the money back
  - every balance equals the charges, minus captured and held money, plus refunds
  - no balance is negative
  - the waiting queue admitted no user twice at the same time, and never more users than a limit in
    the log. If missing moves can explain a fault, the command does not report it (see reprise help
    queue audit)
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
    .action(async (flags: VerifyFlags) => {
      // The help needs nothing of it.
      const { printVerdict } = await import('./verify-run.ts');
      await printVerdict(flags);
    });
}
