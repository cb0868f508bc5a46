import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { readConfig } from '../config.ts';
import { actionKinds, impacts, moments, severities, statuses } from '../incidents/record.ts';
import { langs } from '../incidents/report/page.ts';
import { audiences } from '../incidents/report/reports.ts';
import type { ActionFlags, CloseFlags, NoteFlags, OpenFlags } from './incident-record.ts';
import type { ReportFlags } from './incident-report.ts';
import { moment } from './moment.ts';

/** `reprise incident`. */
export function defineIncident(incident: Command): void {
  incident.addHelpText(
    'after',
    `
An incident is a directory of plain files in DATA_DIR/incidents, so these commands work while the event store, PostgreSQL
and the service are down. ID is the name of the directory, a part of it that no other has, or \`latest\`. --dir names
another directory.

The words are those of Statuspage: investigating, identified, monitoring, resolved; impact none, minor, major, critical.
Roles, not persons, write: --by 'incident commander'.

Examples:
  $ reprise incident open 'payments fail' --component payments --by 'incident commander'
  $ reprise incident note latest 'the event store does not answer' --status identified
  $ reprise incident note latest 'restarted; sales go on' --status monitoring
  $ reprise incident action latest 'alarm on a silent event store' --owner operations --due 2027-05-10 --kind detect
  $ reprise incident close latest --cause 'its disk was full' --fix 'room was made; reprise check is clean'
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
    .option('--by <role>', 'the role that says so: incident commander, operations, …', someText);

const severityOption = (): Option =>
  new Option('--severity <severity>', 'the worse of this and what is measured counts').choices(
    severities,
  );
const impactOption = (): Option => new Option('--impact <impact>', 'on buyers').choices(impacts);

function defineOpen(open: Command): void {
  open
    .argument('<title>', 'what is wrong, in a few words', someText)
    .description('Begin the record of an incident.')
    .addOption(severityOption())
    .addOption(impactOption())
    .option('--component <name>', 'a part that is touched; may be repeated', collect, [])
    .option('--from <time>', 'when it began, where that is known', moment)
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
      .option('--at <time>', 'when it was so; default now', moment)
      .addOption(new Option('--status <status>', 'what it is now').choices(statuses))
      .addOption(severityOption())
      .addOption(impactOption())
      .addOption(new Option('--marks <moment>', 'at this time the incident …').choices(moments)),
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
      .argument('<text>', 'what is to be done', someText)
      .description('Add what is to be done so that it does not come again.')
      .requiredOption('--owner <role>', 'who does it', someText)
      .requiredOption('--due <date>', 'until when, like 2027-05-31', day)
      .addOption(
        new Option('--kind <kind>', 'what it is for').choices(actionKinds).makeOptionMandatory(),
      ),
    'what changes',
  ).action(async (id: string, text: string, flags: ActionFlags) => {
    const { addAction } = await import('./incident-record.ts');
    await addAction(id, text, flags, readConfig(process.env));
  });
}

function defineClose(close: Command): void {
  withPublic(
    close
      .argument('<id>')
      .description('Say that it is over.')
      .option('--at <time>', 'when it was over; default now', moment)
      .option('--cause <text>', 'trigger and root causes', someText)
      .option('--fix <text>', 'how it was ended, and how that was checked', someText),
    'what happened',
  ).action(async (id: string, flags: CloseFlags) => {
    const { closeIncident } = await import('./incident-record.ts');
    await closeIncident(id, flags, readConfig(process.env));
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
    .description('Show what an incident is now, and its timeline.')
    .option('--json', 'in the form of Statuspage')
    .action(async (id: string, flags: { readonly dir?: string; readonly json?: true }) => {
      const { showIncident } = await import('./incident-record.ts');
      await showIncident(id, flags, readConfig(process.env));
    });
}

function defineReport(report: Command): void {
  withFacts(report.argument('<id>'))
    .description('Measure what an incident did, and write its reports.')
    .addOption(
      new Option('--for <readers>', 'only this report, on standard output').choices(audiences),
    )
    .addOption(new Option('--lang <language>', 'its language').choices(langs).default('en'))
    .option('--html', 'as one HTML file instead of Markdown')
    .option('--out <file>', 'write that report to a file')
    .option('--json', 'only the facts, as one JSON object')
    .addHelpText(
      'after',
      `
The command collects the facts: alarms, failed requests, sales before, during and after, holds that ran out, payments
left half way, money, the independent proof. It keeps them in facts.json, and every report is written from that file.
It writes one report for engineers and one for everybody, in English and Korean, as Markdown and as HTML. What cannot
be measured now is said to be unknown, never 0.

The facts of an incident that is over are collected until the time after it was seen too; then they stay as they are.

Exit codes: 0 written; 1 not written, or the record for everybody has a word that it must not have.

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
    .description('Begin the post-mortem, or say what is missing in it.')
    .addOption(new Option('--lang <language>', 'its language').choices(langs).default('en'))
    .addHelpText(
      'after',
      `
The first run writes postmortem.md: the report for engineers, with an open box for each question that people answer.
Edit the file. Each further run says how many boxes are open. When none is, the incident's status is postmortem.

Exit codes: 0 complete, 1 open questions, or not written.`,
    )
    .action(async (id: string, flags: ReportFlags) => {
      const { writePostmortem } = await import('./incident-report.ts');
      await writePostmortem(id, flags, readConfig(process.env));
    });
}

const withFacts = (command: Command): Command =>
  command
    .option('--service-log <file>', 'log lines of the service, where no alarm counted requests')
    .option('--again', 'collect the facts again')
    .option(
      '--time-zone <zone>',
      'of all times, like Asia/Seoul; default that of this machine',
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
