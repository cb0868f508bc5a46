import { type Command, InvalidArgumentError, Option } from 'commander';
import { readConfig } from '../config.ts';
import { langs } from '../incidents/report/page.ts';
import type { CompareFlags, DrillFlags, RunFlags, ShowDrillFlags } from './drill-run.ts';
import { wholeNumber } from './whole-number.ts';

/** `reprise drill`. */
export function defineDrill(drill: Command): void {
  drill.addHelpText(
    'after',
    `
A drill starts its own service and servers on loopback, with data in a temporary directory. It simulates buyers and causes a
fault. Then it measures three times: until an alarm noticed the fault, until buyers could pay again, and until the whole log
was proven. A drill uses only servers that it started. It ignores the settings of the service in the environment.

A drill fails when an acknowledged reservation or payment is not in the log, when the proof finds a violation, or when a
time is over its bound. After a restore, no acknowledged fact may be missing either.

Some drills start nodes of a real EventStoreDB, of the executable that EVENTSTORE_BIN names (24.6 or later), and two
services. Without EVENTSTORE_BIN they are skipped.

DATA_DIR/drills has the results: a journal (journal.json, in the form of Chaos Toolkit) and the reports of an incident.

Examples:
  $ reprise drill list
  $ reprise drill run kill-service restore
  $ reprise drill run --short
  $ reprise drill run tabletop first-hour
  $ reprise drill compare 2027-05-01-restore 2027-06-01-restore`,
  );
  defineListAndRun(drill);
  defineReportAndCompare(drill);
}

const withOut = (command: Command): Command =>
  command.option('--out <directory>', 'where the results are (default DATA_DIR/drills)');

function defineListAndRun(drill: Command): void {
  withOut(drill.command('list'))
    .description('Show the drills, and the last result of each.')
    .action(async (flags: DrillFlags) => {
      const { listDrills } = await import('./drill-run.ts');
      await listDrills(flags, readConfig(process.env));
    });
  withOut(drill.command('run'))
    .argument('[names...]', 'names of drills; or tabletop and the name of a card')
    .description('Run drills, one after another.')
    .option('--all', 'every drill')
    .option('--short', 'three drills that show much in a short time')
    .option('--real-store', 'the drills on nodes of a real EventStoreDB (EVENTSTORE_BIN)')
    .option('--rounds <n>', 'runs of each drill, each on new servers', atLeastOne, 1)
    .option('--node-options <options>', 'more options of each node: "--gossip-timeout-ms 1000"')
    .option('--buyers <n>', 'number of buyers at the same time', atLeastOne, 8)
    .option(
      '--time-zone <zone>',
      'time zone of the reports, like Asia/Seoul; default: the zone of this machine',
    )
    .addHelpText(
      'after',
      `
Exit codes: 0 every bound was kept, 1 a fact was wrong or a drill could not finish, 3 only a time was over its bound. A busy
machine may cause exit code 3. If this machine cannot run a drill, the command skips it and prints the reason.

tabletop is an exercise for people. It causes no fault. It prints a scenario with questions. On a terminal, it asks the
questions one by one, and measures the time of each answer. Without the name of a card, it lists the cards.`,
    )
    .action(async (names: readonly string[], flags: RunFlags) => {
      const [first, ...cards] = names;
      if (first === 'tabletop') {
        const { runTabletop } = await import('./drill-tabletop.ts');
        await runTabletop(cards);
        return;
      }
      const { runDrills } = await import('./drill-run.ts');
      await runDrills(names, flags, readConfig(process.env));
    });
}

function defineReportAndCompare(drill: Command): void {
  withOut(drill.command('report'))
    .argument('<id>', 'the name of a result, a part of the name, or `latest`')
    .description('Show the report of a drill that was run.')
    .addOption(
      new Option('--for <readers>', 'the readers of the report')
        .choices(['engineers', 'everyone'])
        .default('engineers'),
    )
    .addOption(new Option('--lang <language>', 'its language').choices(langs).default('en'))
    .action(async (id: string, flags: ShowDrillFlags) => {
      const { showDrill } = await import('./drill-run.ts');
      await showDrill(id, flags, readConfig(process.env));
    });
  withOut(drill.command('compare'))
    .argument('<before>', 'the name of a result, or a part of the name')
    .argument('<after>', 'the name of a later result')
    .description('Compare the measures of two runs.')
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExit codes: 0 no measure is worse, 1 a measure is worse by more than a fifth and a second.',
    )
    .action(async (before: string, after: string, flags: CompareFlags) => {
      const { compareDrills } = await import('./drill-run.ts');
      await compareDrills(before, after, flags, readConfig(process.env));
    });
}

function atLeastOne(text: string): number {
  const n = wholeNumber(4)(text);
  if (n < 1) throw new InvalidArgumentError('Give a number from 1 on.');
  return n;
}
