import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { readConfig } from '../config.ts';
import { actionKinds, impacts, moments, severities, statuses } from '../incidents/record.ts';
import { langs } from '../incidents/report/page.ts';
import { audiences } from '../incidents/report/reports.ts';
import { type EndFlags, endsWithCheck, withCheck } from './check-options.ts';
import type { ActionFlags, CloseFlags, NoteFlags, OpenFlags } from './incident-record.ts';
import type { ReportFlags } from './incident-report.ts';
import { moment } from './moment.ts';

/** `reprise incident`. */
export function defineIncident(incident: Command): void {
  incident.addHelpText(
    'after',
    `
An incident is a directory of plain files in DATA_DIR/incidents. So these commands work while the event store, PostgreSQL
and the service are down. ID is the name of the directory, a part of the name that no other incident has, or \`latest\`.
--dir sets another directory.

The states are the states of Statuspage: investigating, identified, monitoring, resolved. The impact is none, minor, major
or critical. Write roles instead of names of persons: --by 'incident commander'.

Examples:
  $ reprise incident open 'payments fail' --component payments --by 'incident commander'
  $ reprise incident note latest 'the event store does not answer' --status identified
  $ reprise incident note latest 'restarted; sales go on' --status monitoring
  $ reprise incident action latest 'alarm on a silent event store' --owner operations --due 2027-05-10 --kind detect
  $ reprise incident close latest --cause 'its disk was full' --fix 'old files deleted; reprise check is ok'
  $ reprise incident report latest`,
  );
  defineOpen(withDir(incident.command('open')));
  defineNote(withDir(incident.command('note')));
  defineAction(withDir(incident.command('action')));
  defineClose(withDir(incident.command('close')));
  defineList(withDir(incident.command('list')));
  defineShow(withDir(incident.command('show')));
  defineReport(withDir(incident.command('report')));
  definePostmortem(withDir(incident.command('postmortem')));
}

const withDir = (command: Command): Command =>
  command.option('--dir <directory>', 'where the incidents are (default DATA_DIR/incidents)');

/** For everybody, in each language. */
const withPublic = (command: Command, what: string): Command =>
  command
    .option(
      '--public <text>',
      `${what}, for everybody, in English: no jargon, no ids, no names`,
      someText,
    )
    .option('--public-ko <text>', 'the same in Korean', someText)
    .option('--by <role>', 'the role of the author: incident commander, operations, …', someText);

const severityOption = (): Option =>
  new Option(
    '--severity <severity>',
    'the severity; a more serious measured severity overrides it',
  ).choices(severities);
const impactOption = (): Option =>
  new Option('--impact <impact>', 'the impact on buyers').choices(impacts);

function defineOpen(open: Command): void {
  open
    .argument('<title>', 'what is wrong, in a few words', someText)
    .description('Begin the record of an incident.')
    .addOption(severityOption())
    .addOption(impactOption())
    .option('--component <name>', 'an affected part of the service; may be repeated', collect, [])
    .option('--from <time>', 'when the incident began, if you know it', moment)
    .option('--by <role>', 'the role that opens it', someText)
    .action(async (title: string, flags: OpenFlags) => {
      const { openIncident } = await import('./incident-record.ts');
      await openIncident(title, flags, readConfig(process.env));
    });
}

function defineNote(note: Command): void {
  withPublic(
    note
      .argument('<id>')
      .argument('<text>', 'what was seen or done', someText)
      .description('Add a line to the timeline.')
      .option('--at <time>', 'the time of the note; default: now', moment)
      .addOption(
        new Option('--status <status>', 'the new status of the incident').choices(statuses),
      )
      .addOption(severityOption())
      .addOption(impactOption())
      .addOption(
        new Option('--marks <moment>', 'at the time of the note, the incident …').choices(moments),
      ),
    'what this means',
  ).action(async (id: string, text: string, flags: NoteFlags) => {
    const { noteIncident } = await import('./incident-record.ts');
    await noteIncident(id, text, flags, readConfig(process.env));
  });
}

function defineAction(action: Command): void {
  withPublic(
    action
      .argument('<id>')
      .argument('<text>', 'what somebody must do', someText)
      .description('Add an action that prevents a repetition.')
      .requiredOption('--owner <role>', 'the role that does it', someText)
      .requiredOption('--due <date>', 'the last day for it, like 2027-05-31', day)
      .addOption(
        new Option('--kind <kind>', 'the purpose of the action')
          .choices(actionKinds)
          .makeOptionMandatory(),
      ),
    'what changes',
  ).action(async (id: string, text: string, flags: ActionFlags) => {
    const { addAction } = await import('./incident-record.ts');
    await addAction(id, text, flags, readConfig(process.env));
  });
}

function defineClose(close: Command): void {
  withPublic(
    withCheck(
      close
        .argument('<id>')
        .description('Record that the incident is over.')
        .option('--at <time>', 'when it was over; default: now', moment)
        .option('--cause <text>', 'trigger and root causes', someText)
        .option('--fix <text>', 'how it was corrected, and how this was checked', someText),
    ),
    'what happened',
  )
    .addHelpText('after', `\n${endsWithCheck}`)
    .action(async (id: string, flags: CloseFlags & EndFlags) => {
      const config = readConfig(process.env);
      const { closeIncident } = await import('./incident-record.ts');
      await closeIncident(id, flags, config);
      const { endWithCheck } = await import('./end-with-check.ts');
      await endWithCheck(flags, config);
    });
}

function defineList(list: Command): void {
  list
    .description('Show all incidents, the newest first.')
    .option('--json', 'as one JSON object')
    .action(async (flags: { readonly dir?: string; readonly json?: true }) => {
      const { listIncidents } = await import('./incident-record.ts');
      await listIncidents(flags, readConfig(process.env));
    });
}

function defineShow(show: Command): void {
  show
    .argument('<id>')
    .description('Show the state of an incident, and its timeline.')
    .option('--json', 'print JSON in the form of Statuspage')
    .action(async (id: string, flags: { readonly dir?: string; readonly json?: true }) => {
      const { showIncident } = await import('./incident-record.ts');
      await showIncident(id, flags, readConfig(process.env));
    });
}

function defineReport(report: Command): void {
  withFacts(report.argument('<id>'))
    .description('Measure the effect of an incident, and write its reports.')
    .addOption(
      new Option('--for <readers>', 'print only the report for these readers').choices(audiences),
    )
    .addOption(new Option('--lang <language>', 'its language').choices(langs).default('en'))
    .option('--html', 'print HTML instead of Markdown')
    .option('--out <file>', 'write the report of --for to this file')
    .option('--json', 'print only the facts, as one JSON object')
    .addHelpText(
      'after',
      `
The command collects the facts: alarms, failed requests, sales before, during and after the incident, expired holds,
interrupted payments, money, the independent proof. It stores them in facts.json. Every report uses this file. The command
writes one report for engineers and one for everybody, in English and Korean, as Markdown and as HTML. If a fact cannot be
measured now, the reports say that it is unknown.

Each run measures the facts again, until the incident is over, and also the period after it. This period is as long as the
incident, but at least 30 s and at most one hour. Then the facts stay the same.

Exit codes: 0 written; 1 not written, or a text for everybody has a forbidden word.

Examples:
  $ reprise incident report latest
  $ reprise incident report latest --for everyone --lang ko --html --out notice.html`,
    )
    .action(async (id: string, flags: ReportFlags) => {
      const { reportIncident } = await import('./incident-report.ts');
      await reportIncident(id, flags, readConfig(process.env));
    });
}

function definePostmortem(postmortem: Command): void {
  withFacts(postmortem.argument('<id>'))
    .description('Begin the post-mortem, or show how much of it is open.')
    .addOption(new Option('--lang <language>', 'its language').choices(langs).default('en'))
    .addHelpText(
      'after',
      `
The first run writes postmortem.md: the report for engineers, with an open box for each question to people. Edit the file.
Each further run prints how many boxes are open. When no box is open, the status of the incident is postmortem.

Exit codes: 0 complete, 1 questions are open, or the file was not written.`,
    )
    .action(async (id: string, flags: ReportFlags) => {
      const { writePostmortem } = await import('./incident-report.ts');
      await writePostmortem(id, flags, readConfig(process.env));
    });
}

const withFacts = (command: Command): Command =>
  command
    .option(
      '--service-log <file>',
      'log lines of the service; use it if no alarm counted the requests',
    )
    .option('--again', 'collect the facts again')
    .option(
      '--time-zone <zone>',
      'time zone of the report, like Asia/Seoul; default: the zone of this machine',
      zone,
    );

function someText(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Give a text.');
  return text.trim();
}

function day(text: string): string {
  if (!z.iso.date().safeParse(text).success) {
    throw new InvalidArgumentError('Give a day like 2027-05-31.');
  }
  return text;
}

function zone(text: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return text;
  } catch {
    throw new InvalidArgumentError('Give a time zone like Asia/Seoul.');
  }
}

const collect = (text: string, before: readonly string[]): readonly string[] => [
  ...before,
  someText(text),
];
