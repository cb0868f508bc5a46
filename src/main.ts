import { readFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { addBackup } from './cli/backup.ts';
import { addHistory } from './cli/history.ts';
import type { SkipFlags } from './cli/projections-skip.ts';
import type { RebuildFlags } from './cli/rebuild.ts';
import type { VerifyFlags } from './cli/verify.ts';
import { readConfig, settingList } from './config.ts';
import { graceMsDefault, listedMaxDefault } from './verify/defaults.ts';

/**
 * The `reprise` command line. Each command's composition is in a file of its own beside this one, loaded when it is run: to
 * load all of them takes a second.
 */

const version = JSON.parse(
  await readFile(new URL('../package.json', import.meta.url), 'utf8'),
).version;

const program: Command = new Command('reprise')
  .description('Sells concert seats: an event-sourced backend with a waiting queue.')
  .version(version)
  .showHelpAfterError('(--help shows what can be given here)')
  .addHelpText(
    'after',
    `
Start here:
  $ reprise serve                     everything embedded, data in .data, API on port 3000
  $ reprise catalog import FILE       put concerts, sessions and seat maps on sale
  $ reprise help serve                the settings

Exit codes: 0 done, 1 not done (the reason is on standard error); verify has its own
(reprise help verify).`,
  );

program
  .command('serve')
  .description('Start the service, with an embedded server for each one that no URL is set for.')
  .addHelpText(
    'after',
    `\nSettings (environment variables):\n${settingsTable()}\n
Examples:
  $ reprise serve
  $ PORT=8080 DATA_DIR=/var/lib/reprise DEMO=off reprise serve
  $ EVENTSTORE_URL='esdb://localhost:2113?tls=false' REDIS_URL=redis://localhost reprise serve

Ctrl-C stops it: requests under way are answered, embedded servers are stopped, all data is kept. SIGTERM does the same after
DRAIN_SECONDS; a second signal stops at once.`,
  )
  .action(async () => {
    const { serve } = await import('./serve/serve.ts');
    await serve(readConfig(process.env), version);
  });

const catalog = program.command('catalog').description('What is on sale.');

catalog
  .command('import')
  .argument('<file>', 'JSON file; docs/catalog-file.md describes it, examples/catalog.json is one')
  .description(
    'Bring the log to what a catalog file says. Running it again changes nothing that is already so.',
  )
  .addHelpText(
    'after',
    `
A concert is registered or its details revised; a session is scheduled or moved. The seats and prices of a
scheduled session never change, and nothing is ever removed. The service may be running: it sees the change
at once. Without one, the command uses EVENTSTORE_URL, or the embedded event store in DATA_DIR.

Example:
  $ reprise catalog import examples/catalog.json`,
  )
  .action(async (file: string) => {
    const { importFile } = await import('./cli/catalog-import.ts');
    await importFile(file, readConfig(process.env));
  });

catalog
  .command('cancel')
  .argument('<session>', "a session's id")
  .description('Take a session off sale for good and give every buyer seat and money back.')
  .addHelpText(
    'after',
    `
It tells how far it is. Cut short, run it again: what is done is done. The service may be running.

Example:
  $ reprise catalog cancel spring-gala-sat`,
  )
  .action(async (session: string) => {
    const { cancelOneSession } = await import('./cli/catalog-cancel.ts');
    await cancelOneSession(session, readConfig(process.env));
  });

program
  .command('verify')
  .description('Prove from the log that no seat was sold twice and no money is wrong or lost.')
  .option('--log-only', 'leave PostgreSQL out')
  .option('--json', 'the verdict as one JSON object')
  .option(
    '--grace <seconds>',
    'how long a hold may stay unresolved after its end',
    wholeNumber,
    graceMsDefault / 1_000,
  )
  .option('--max <n>', 'violations to list; all are counted', wholeNumber, listedMaxDefault)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .addHelpText(
    'after',
    `
Reads the whole log and works out by itself, with nothing of the service's own code, that
  - every seat had at most one owner at any moment, every sold seat was paid exactly once by its buyer
  - every hold of a seat or of money was sold, taken or given back, or is young
  - seats and money followed every order, and every buyer of a cancelled session has the money back
  - every balance is what was charged, less what was captured and is held, plus what was refunded; never negative
then that PostgreSQL says the same, row by row, as of the log position that the read models are at. Events that were
skipped (reprise help projections skip) are counted and prove nothing; what they leave wrong is told.

The service may be running. Without one, the command uses EVENTSTORE_URL and POSTGRES_URL, or starts the
embedded servers on DATA_DIR; nothing is written. A stopped service's log is judged as of its newest event.

Each violation names its event as revision@stream; one of PostgreSQL its row, and the last event that changed it.
Progress goes to standard error.

Exit codes: 0 proven, 1 violations, 2 could not verify.

Examples:
  $ reprise verify
  $ reprise verify --json --max 10 | jq .violations.byCode
  $ EVENTSTORE_URL='esdb://localhost:2113?tls=false' reprise verify --log-only`,
  )
  .action(async (flags: VerifyFlags) => {
    const { verifyLog } = await import('./cli/verify.ts');
    await verifyLog(flags, process.env);
  });

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

program
  .command('rebuild')
  .argument(
    '[projection...]',
    'concert, session, seat, reservation, account; all when none is named',
  )
  .option('--dry-run', 'build and compare only: exit code 1 when a row differs')
  .option(
    '--only-diff',
    'print the rows that differ and nothing else; progress goes to standard error',
  )
  .option('--keep-parked', 'leave streams parked that are parked in the live tables')
  .option('--drop-old', 'do nothing but drop the tables that earlier rebuilds replaced')
  .description('Make read models anew from the log and put them in the place of the live ones.')
  .addHelpText(
    'after',
    `
New tables are filled beside the live ones, from the start of the log up to where the live ones are, and
compared with them row by row. Then they take their place in one transaction: queries see the one or the
other, never a gap. The service may run all the while. The old tables are kept until --drop-old.

Killed, it goes on from where it was when it is run again. Ctrl-C leaves nothing of it behind. An event that
this version cannot read, or whose rows PostgreSQL refuses, ends it and is named. A rebuild of all by a version that
can read what is parked un-parks it; with --keep-parked, what is parked is in the new tables as little as in the
live ones, and any other such event ends it all the same.

It uses EVENTSTORE_URL and POSTGRES_URL, else the running service of DATA_DIR, else it starts the embedded
servers for as long as it takes.

Examples:
  $ reprise rebuild --dry-run              are the read models right?
  $ reprise rebuild --dry-run --only-diff  which rows are not?
  $ reprise rebuild seat account           make these two right
  $ reprise rebuild --keep-parked          although events are parked that no version can read
  $ reprise rebuild --drop-old             free the disk

Exit codes: 0 the tables are in place, or a dry run found every row the same; 1 anything else.`,
  )
  .action(async (names: string[], flags: RebuildFlags) => {
    // Who buys meanwhile comes first, from here on: to load a command is a second's work.
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
    const { rebuildProjections } = await import('./cli/rebuild.ts');
    await rebuildProjections(names, flags, readConfig(process.env));
  });

const projectionsCommand = program
  .command('projections')
  .option('--json', 'as one JSON object: projections, and parked, a stream each')
  .description('Show how far every read model is, and what holds it up.')
  .addHelpText(
    'after',
    `
Of each: its version and log position, the events still to come and the age of the oldest, events written a
second, when it was last rebuilt, and its status:
  live          all but what came in the last second is in the tables
  catching up   it is behind, and goes on
  stopped       by the event or the log that the last line names; the service waits for a version that can go on
  outdated      the tables are another version's: reprise serve of the newer one builds its own beside them
  not running   no service writes them

An event that this version cannot read, or whose rows PostgreSQL refuses, is parked, with what comes after it in its
stream: it is in none of them, and the other streams go on. What is parked is listed last, with why.

The service may be running or not; servers are found as reprise rebuild finds them.

Examples:
  $ reprise projections
  $ reprise projections --json

Exit codes: 0 shown, 1 PostgreSQL could not be asked.`,
  )
  .action(async (flags: { json?: true }) => {
    const { showProjections } = await import('./cli/projections-show.ts');
    await showProjections(flags, readConfig(process.env));
  });

projectionsCommand
  .command('retry')
  .description('Write the parked events that can be read by now.')
  .addHelpText(
    'after',
    `
Run it with a version that can read them, after it was deployed. Each parked event is read from the log again and
written once, in the log's order, so that the rows are what a rebuild would make them. What the log no longer has is
given up and told. The service may be running. Cut short, run it again: what is written is written.

Example:
  $ reprise projections retry

Exit codes: 0 nothing is parked any more, 1 events stay parked (they are listed), or it could not be done.`,
  )
  .action(async () => {
    const { retryProjections } = await import('./cli/projections-retry.ts');
    await retryProjections(readConfig(process.env));
  });

projectionsCommand
  .command('skip')
  .argument('<event>', '<revision>@<stream>, as reprise projections and reprise verify name it')
  .description('Let an event that no version can read count for nothing, for good.')
  .option('--id <id>', 'the event’s id, which must be the one found')
  .option('--reason <text>', 'why, kept in the log with it')
  .option('--accept-loss', 'although money, a seat or a promise may be lost by it')
  .option('--dry-run', 'show the event and what would come of it; write nothing')
  .option('--yes', 'do not ask')
  .addHelpText(
    'after',
    `
An event that cannot be read holds up its stream: commands on it are refused, its later events are parked, and
verify fails. Look for a version that can read it first; deploy that and run reprise projections retry. Where there
is none, this appends an event to the stream that says so. From then on the unreadable event counts for nothing, in
every version, instance and rebuild: commands go on by the others, which are written to the read models, and verify
counts it as skipped. What its absence does to money and seats, verify shows as before. Nothing is taken out of the log.

It shows the event, and what is so afterwards. One that is about money, a seat or a promise, or that a newer version
wrote, needs --accept-loss. It is refused for an event that can be read, that the read models have, that is not there, or whose id
is another. A title that verify calls wrong can be read: import the catalog with another one. It asks before it
writes. Skipping again changes nothing. Cut short, run it again.

Update every instance to a version that has this command before you use it: older ones cannot read what it writes.
The service may be running or not; servers are found as reprise rebuild finds them.

Examples:
  $ reprise projections                                    what is parked, and why?
  $ reprise projections skip 1@concert-gala --dry-run      what would come of it?
  $ reprise projections skip 1@concert-gala --accept-loss --reason 'year 0, imported by 0.1.0'

Exit codes: 0 it is skipped, or the dry run found that it can be; 1 anything else.`,
  )
  .action(async (event: string, flags: SkipFlags) => {
    const { skipOne } = await import('./cli/projections-skip.ts');
    await skipOne(event, flags, readConfig(process.env));
  });

addHistory(program);
addBackup(program, version);

// Commander's own knows no command's commands, and does not say that there is no such command.
program
  .command('help')
  .argument('[command...]')
  .description('Show the help of a command.')
  .action((names: string[]) => {
    let command: Command = program;
    for (const [index, name] of names.entries()) {
      const next = command.commands.find((one) => one.name() === name);
      if (next === undefined) {
        program.error(`error: unknown command '${names.slice(0, index + 1).join(' ')}'`);
      }
      command = next;
    }
    command.help();
  });

function settingsTable(): string {
  const width = Math.max(...settingList.map(({ name }) => name.length));
  return settingList
    .map(
      ({ name, about, default: fallback }) =>
        `  ${name.padEnd(width)}  ${about.replaceAll('`', '')}${fallback === '' ? '' : ` (default ${fallback})`}`,
    )
    .join('\n');
}

/** Errors that say what to do are shown as they are; anything else is a bug and keeps its stack. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof TypeError ? (error.stack ?? error.message) : error.message;
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(`reprise: ${explain(error)}`);
  process.exitCode = 1;
}
