import { type Command, InvalidArgumentError } from 'commander';
import { type AlarmConfig, alarmSettings, readAlarmConfig } from '../alarm/alarm-options.ts';
import type { JournalLine } from '../alarm/journal.ts';
import { prometheusRules } from '../alarm/promql.ts';
import { rules } from '../alarm/rules.ts';
import { lookOnce, runAlarm } from '../alarm/run-alarm.ts';
import { readConfig } from '../config.ts';
import { table } from './table.ts';
import { version } from './version.ts';
import { cancellable } from './with-servers.ts';

/** As the command line has them. Each stands for a setting. */
interface AlarmFlags {
  readonly url?: string[];
  readonly admin?: string[];
  readonly to?: string[];
  readonly alertmanager?: string;
  readonly heartbeat?: string;
  readonly every?: string;
  readonly once?: true;
  readonly json?: true;
}

/** `reprise alarm`. */
export function defineAlarm(alarm: Command): void {
  alarm
    .option('--url <url>', 'an API that is watched; may be repeated', listed)
    .option('--admin <url>', 'its admin listener, in the order of --url', listed)
    .option('--to <url>', 'who is told, as Alertmanager tells; may be repeated', listed)
    .option('--alertmanager <url>', 'an Alertmanager that gets the alerts')
    .option('--heartbeat <url>', 'asked each minute while the alarm looks')
    .option('--every <seconds>', 'between two looks', wholeSeconds)
    .option('--once', 'look twice, print each rule, and end')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Run it on another machine than the service, or at least as a process of its own: a dead service
cannot ring. A dead alarm cannot either: give it a heartbeat that something else watches.

Alerts are told when they begin, each ALARM_REPEAT_SECONDS, and when they end. DATA_DIR/alarm has
alarm.jsonl (what was seen and told) and state.json. docs/operations.md says what to do for each.

Settings (environment variables; an option counts more):
${settingsTable()}

Exit codes with --once: 0 nothing to wake somebody for, 1 a rule of severity page is true.

Examples:
  $ reprise alarm --to https://hooks.example/reprise --heartbeat https://watch.example/ping/one
  $ reprise alarm --url http://10.0.0.7:3000 --admin http://10.0.0.7:3001 --alertmanager http://am:9093
  $ reprise alarm --once
  $ reprise alarm rules --prometheus > ops/prometheus/reprise.rules.yml`,
    )
    .action(async (flags: AlarmFlags) => {
      const config = configOf(flags);
      if (flags.once) await printOnce(config, flags.json === true);
      else await watch(config, flags.json === true);
    });
  alarm
    .command('rules')
    .description('Show the rules.')
    .option('--prometheus', 'as a file of rules for Prometheus')
    .action(({ prometheus }: { readonly prometheus?: true }) => {
      if (prometheus) process.stdout.write(prometheusRules());
      else
        console.log(
          table(rules.map(({ name, severity, summary }) => [name, severity, summary.en])).join(
            '\n',
          ),
        );
    });
}

const listed = (one: string, before: string[] = []): string[] => [...before, one];

function wholeSeconds(text: string): string {
  if (!/^[0-9]{1,2}$/.test(text)) throw new InvalidArgumentError('Give 1 to 60.');
  return text;
}

function configOf(flags: AlarmFlags): AlarmConfig {
  const given = {
    ALARM_URLS: flags.url?.join(','),
    ALARM_ADMIN_URLS: flags.admin?.join(','),
    ALARM_WEBHOOK_URLS: flags.to?.join(','),
    ALARM_ALERTMANAGER_URL: flags.alertmanager,
    ALARM_HEARTBEAT_URL: flags.heartbeat,
    ALARM_EVERY_SECONDS: flags.every,
  };
  const options = Object.entries(given).filter(([, value]) => value !== undefined);
  // Of other instances than the settings say, their admin listeners are others, too.
  const env = flags.url === undefined ? process.env : { ...process.env, ALARM_ADMIN_URLS: '' };
  return readAlarmConfig(
    { ...env, ...Object.fromEntries(options) },
    rules.map(({ name }) => name),
  );
}

async function watch(config: AlarmConfig, isJson: boolean): Promise<void> {
  const { dataDir } = readConfig({ DATA_DIR: process.env.DATA_DIR });
  const told = config.webhooks.length + (config.alertmanager === undefined ? 0 : 1);
  if (told === 0 && !isJson) {
    console.error('reprise: nobody is told: set ALARM_WEBHOOK_URLS or ALARM_ALERTMANAGER_URL');
  }
  await cancellable('stopped', (signal) =>
    runAlarm({
      ...{ config, dataDir, version, signal },
      say: (line) => {
        const text = isJson ? JSON.stringify(line) : inWords(line);
        if (text !== undefined) console.log(text);
      },
      onError: (what, error) => console.error(`reprise: could not ${what}: ${String(error)}`),
    }),
  );
}

function inWords(line: JournalLine): string | undefined {
  if (line.kind === 'sample') return undefined;
  if (line.kind === 'started') return `${line.at}  watching ${line.targets.join(', ')}`;
  if (line.kind === 'stopped') return `${line.at}  stopped`;
  if (line.kind === 'undelivered') return `${line.at}  not told to ${line.to}: ${line.error}`;
  const { at, kind, severity, alert, labels, summary, runbook } = line;
  const where = labels.instance === undefined ? '' : ` (${labels.instance})`;
  return `${at}  ${kind.toUpperCase()} ${severity} ${alert}${where}: ${summary.en} ${runbook}`;
}

async function printOnce(config: AlarmConfig, isJson: boolean): Promise<void> {
  const answers = (await lookOnce(config)).map(({ labels, outcome, summary }) => {
    const isTrue = typeof outcome === 'object';
    const state = isTrue ? 'true' : outcome === 'no' ? 'false' : 'unknown';
    return { ...{ labels, state, summary }, ...(isTrue ? { value: outcome.value } : {}) };
  });
  if (isJson) console.log(JSON.stringify({ rules: answers }, null, 2));
  else {
    const rows = answers.map(({ labels, state, summary }) => [
      state === 'true' ? 'TRUE' : state,
      ...[labels.severity ?? '', labels.alertname ?? '', labels.instance ?? ''],
      state === 'true' ? summary : '',
    ]);
    console.log(table(rows).join('\n'));
  }
  const pages = answers.filter(
    ({ state, labels }) => state === 'true' && labels.severity === 'page',
  );
  process.exitCode = pages.length > 0 ? 1 : 0;
}

function settingsTable(): string {
  const rows = Object.entries(alarmSettings).map(([name, { about, default: fallback }]) => [
    `  ${name}`,
    `${about.replaceAll('`', '')}${fallback === '' ? '' : ` (default ${fallback})`}`,
  ]);
  return table(rows).join('\n');
}
