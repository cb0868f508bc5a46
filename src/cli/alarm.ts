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

/** The options of the command line. Each replaces a setting. */
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
    .option('--url <url>', 'an API to watch; may be repeated', listed)
    .option('--admin <url>', 'the admin listener of an API, in the order of --url', listed)
    .option(
      '--to <url>',
      'a webhook that gets the alerts, as from Alertmanager; may be repeated',
      listed,
    )
    .option('--alertmanager <url>', 'an Alertmanager that gets the alerts')
    .option('--heartbeat <url>', 'a URL that gets a GET request each minute while the alarm works')
    .option('--every <seconds>', 'time between two checks', wholeSeconds)
    .option('--once', 'check twice, print the result of each rule, and end')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Run the alarm on another machine than the service, or at least as a separate process. A service
that is down cannot send an alarm. The alarm itself can fail, too: set --heartbeat to a URL of a
monitor that notices when the requests stop.

The alarm sends an alert when it begins, every ALARM_REPEAT_SECONDS, and when it ends. The directory
DATA_DIR/alarm has alarm.jsonl (each alert, and one sample of each instance per minute) and
state.json. docs/operations.md says what to do for each alert.

Settings (environment variables; an option overrides its variable):
${settingsTable()}

Exit codes with --once: 0 no rule of severity page is true, 1 such a rule is true.

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
    .option('--prometheus', 'print a file of rules for Prometheus')
    .action(({ prometheus }: { readonly prometheus?: true }) => {
      if (prometheus) process.stdout.write(prometheusRules(configOf({}).runbooks));
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
  // With other instances than in the settings, their admin listeners also differ.
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
    console.error(
      'reprise: nobody gets the alerts: set ALARM_WEBHOOK_URLS or ALARM_ALERTMANAGER_URL',
    );
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
  if (line.kind === 'undelivered') return `${line.at}  could not send to ${line.to}: ${line.error}`;
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
