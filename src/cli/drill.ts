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
A drill starts a service of its own with its servers, on loopback, with data in a temporary directory. Buyers buy, a fault
comes, and the drill measures what it did to them: how long until it was noticed, until buyers could pay again, and until
the whole log was proven. It never uses a server that it did not start: settings in the environment count for nothing.

Each drill fails when an acknowledged reservation or payment is not in the log, when the proof finds something, or when a
time is over its bound. What a restore loses is allowed only when it was named before the sale opened again.

The results are in DATA_DIR/drills: a journal (journal.json, in the form of Chaos Toolkit) and the reports of an incident.

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
    .description('Show the drills, and how each one ended last.')
    .action(async (flags: DrillFlags) => {
      const { listDrills } = await import('./drill-run.ts');
      await listDrills(flags, readConfig(process.env));
    });
  withOut(drill.command('run'))
    .argument('[names...]', 'of the drills; or tabletop and the name of a card')
    .description('Run drills, one after another.')
    .option('--all', 'every drill')
    .option('--short', 'the three that show the most in the shortest time')
    .option('--buyers <n>', 'how many buy at the same time', buyers, 8)
    .option('--time-zone <zone>', 'of the reports, like Asia/Seoul; default that of this machine')
    .addHelpText(
      'after',
      `
Exit codes: 0 every bound was kept, 1 a fact was wrong or a drill could not finish, 3 only a time was over its bound,
which a busy machine may cause. A drill that this machine cannot do is skipped, with the reason.

The name tabletop is for people: it breaks nothing. It prints a scenario with questions; on a terminal it asks them one by one, and
takes the time of each answer. Without the name of a card it lists them.`,
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
    .argument('<id>', 'the name of a result, a part of it, or `latest`')
    .description('Show the report of a drill that was run.')
    .addOption(
      new Option('--for <readers>', 'whom it is for')
        .choices(['engineers', 'everyone'])
        .default('engineers'),
    )
    .addOption(new Option('--lang <language>', 'its language').choices(langs).default('en'))
    .action(async (id: string, flags: ShowDrillFlags) => {
      const { showDrill } = await import('./drill-run.ts');
      await showDrill(id, flags, readConfig(process.env));
    });
  withOut(drill.command('compare'))
    .argument('<before>', 'the name of a result, or a part of it')
    .argument('<after>', 'another one')
    .description('Show what became better and what became worse between two runs.')
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing is worse, 1 something is, by more than a fifth and a second.',
    )
    .action(async (before: string, after: string, flags: CompareFlags) => {
      const { compareDrills } = await import('./drill-run.ts');
      await compareDrills(before, after, flags, readConfig(process.env));
    });
}

function buyers(text: string): number {
  const n = wholeNumber(4)(text);
  if (n < 1) throw new InvalidArgumentError('Give a number from 1 on.');
  return n;
}
