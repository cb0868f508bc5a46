import { z } from 'zod';
import { runbookPage } from './rules.ts';

const seconds = (min: number, max: number) =>
  z
    .string()
    .regex(/^[0-9]{1,9}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be a whole number from ${min} to ${max}`);

const isUrl = (text: string): boolean => /^https?:\/\//.test(text) && URL.canParse(text);
const must = 'must be a URL like https://host/path';
const url = z.string().refine(isUrl, must);
const urls = z
  .string()
  .transform((text) => text.split(',').map((one) => one.trim()))
  .refine((all) => all.every(isUrl), `${must}, or several with commas between them`);

/** The settings of `reprise alarm`, in the order of the table in docs/operations.md. */
export const alarmSettings = {
  ALARM_URLS: {
    about: 'The APIs to watch, separated by commas',
    schema: urls,
    default: 'http://127.0.0.1:3000',
  },
  ALARM_ADMIN_URLS: {
    about:
      'Their admin listeners, in the same order. Default: the next port after the port of each API',
    schema: urls.optional(),
    default: '',
  },
  ALARM_WEBHOOK_URLS: {
    about:
      'URLs that receive the alerts, in the form of Alertmanager’s webhook, separated by commas',
    schema: urls.optional(),
    default: '',
  },
  ALARM_ALERTMANAGER_URL: {
    about: 'An Alertmanager that receives the alerts: `http://host:9093`',
    schema: url.optional(),
    default: '',
  },
  ALARM_HEARTBEAT_URL: {
    about:
      'URL that gets a GET request each minute while the alarm works. Its receiver notices when the alarm stops',
    schema: url.optional(),
    default: '',
  },
  ALARM_RUNBOOK_URL: {
    about:
      'Where people read this page, for the links in alerts: `https://wiki.example/operations`. Default: the path in the repository',
    schema: url.optional(),
    default: '',
  },
  ALARM_EVERY_SECONDS: {
    about: 'Seconds between two checks',
    schema: seconds(1, 60),
    default: '5',
  },
  ALARM_REPEAT_SECONDS: {
    about: 'Seconds after which the alarm sends a continuing alert again',
    schema: seconds(60, 604_800),
    default: '14400',
  },
  ALARM_OFF: {
    about: 'Names of rules to ignore, separated by commas',
    schema: z
      .string()
      .regex(/^[A-Za-z]+( *, *[A-Za-z]+)*$/, 'must be names of rules')
      .transform((text) => text.split(/ *, */))
      .optional(),
    default: '',
  },
} as const;

/** The options of an alarm. Durations are milliseconds. */
export interface AlarmConfig {
  readonly targets: readonly { readonly url: string; readonly adminUrl: string }[];
  readonly webhooks: readonly string[];
  readonly alertmanager: string | undefined;
  readonly heartbeat: string | undefined;
  /** The page with the runbooks, as alerts link to it. */
  readonly runbooks: string;
  readonly everyMs: number;
  readonly repeatMs: number;
  readonly off: ReadonlySet<string>;
}

/** @throws Error naming every setting that is wrong; an empty variable counts as not set */
export function readAlarmConfig(
  env: Readonly<Record<string, string | undefined>>,
  ruleNames: readonly string[],
): AlarmConfig {
  const problems: string[] = [];
  const read = <Name extends keyof typeof alarmSettings>(name: Name) => {
    const { schema, default: fallback } = alarmSettings[name];
    const parsed = schema.safeParse(env[name] || fallback || undefined);
    if (!parsed.success) problems.push(`${name} ${parsed.error.issues[0]?.message}`);
    return parsed.data as z.output<(typeof alarmSettings)[Name]['schema']>;
  };
  const [apis = [], admins] = [read('ALARM_URLS'), read('ALARM_ADMIN_URLS')];
  const off = read('ALARM_OFF') ?? [];
  const config = {
    webhooks: read('ALARM_WEBHOOK_URLS') ?? [],
    alertmanager: read('ALARM_ALERTMANAGER_URL'),
    heartbeat: read('ALARM_HEARTBEAT_URL'),
    runbooks: read('ALARM_RUNBOOK_URL')?.replace(/[#/]+$/, '') ?? runbookPage,
    everyMs: read('ALARM_EVERY_SECONDS') * 1_000,
    repeatMs: read('ALARM_REPEAT_SECONDS') * 1_000,
    off: new Set(off),
  };
  if (admins !== undefined && admins.length !== apis.length) {
    problems.push(`ALARM_ADMIN_URLS has ${admins.length} URLs, and ALARM_URLS has ${apis.length}`);
  }
  const unknown = off.filter((name) => !ruleNames.includes(name));
  if (unknown.length > 0) problems.push(`ALARM_OFF names no rule: ${unknown.join(', ')}`);
  if (problems.length > 0) {
    throw new Error(`the settings cannot be used:\n${problems.map((p) => `  ${p}`).join('\n')}`);
  }
  const bare = (text: string) => text.replace(/\/+$/, '');
  const targets = apis.map((api, at) => ({
    url: bare(api),
    adminUrl: bare(admins?.[at] ?? besides(api)),
  }));
  return { ...config, targets };
}

function besides(api: string): string {
  const url = new URL(api);
  url.port = String(Number(url.port || (url.protocol === 'https:' ? 443 : 80)) + 1);
  return url.origin;
}
