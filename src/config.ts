import { resolve } from 'node:path';
import { z } from 'zod';

/** Every setting: its environment variable, what it means, its default. The README's table is checked against this. */
export interface Setting {
  readonly name: string;
  readonly about: string;
  /** As shown to people; empty when there is none. */
  readonly default: string;
}

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^[0-9]{1,15}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be a whole number from ${min} to ${max}`);

/** Several hosts, with commas between them, are no URL to Node: the first is judged. */
const url = (protocols: readonly string[], example: string) =>
  z
    .string()
    .refine(
      (text) => protocols.some((protocol) => text.startsWith(`${protocol}://`)),
      `must start with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`,
    )
    .refine(
      (text) => URL.canParse(text.replace(/,[^/?@]*(?=[/?]|$)/, '')) && !text.endsWith('://'),
      `must be a URL like ${example}`,
    );

/**
 * Longer than the 5 s that balancers and orchestrators usually ask after, short enough to be done within the 10 s that `docker stop`
 * leaves. A service without Redis has no other instance beside it that could serve meanwhile.
 */
const drainSeconds = 7;

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const settings = {
  PORT: {
    about: 'Port of the HTTP API; 0 takes a free one',
    schema: wholeNumber(0, 65_535),
    default: '3000',
  },
  HOST: {
    about: 'Address the HTTP API listens on',
    schema: z.string().min(1),
    default: '127.0.0.1',
  },
  ALLOWED_HOSTS: {
    about:
      'Host names that requests may ask for, with commas, or `*`; those of loopback always are. Default: with a loopback `HOST` no others, else any',
    schema: z
      .string()
      .regex(
        /^(\*|[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])( *, *(\*|[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]))*$/,
        'must be names without ports, with commas between them, like shop.example,10.0.0.7',
      )
      .optional(),
    default: '',
  },
  DATA_DIR: {
    about: 'Where the embedded servers keep their data',
    schema: z.string().min(1),
    default: '.data',
  },
  EVENTSTORE_URL: {
    about: 'EventStoreDB to use instead of the embedded one: `esdb://…` or `esdb+discover://…`',
    schema: url(['esdb', 'esdb+discover'], 'esdb://localhost:2113?tls=false').optional(),
    default: '',
  },
  POSTGRES_URL: {
    about: 'PostgreSQL to use instead of the embedded one: `postgres://…`',
    schema: url(
      ['postgres', 'postgresql'],
      'postgres://user:password@localhost:5432/reprise',
    ).optional(),
    default: '',
  },
  REDIS_URL: {
    about:
      'Redis for the waiting queue instead of memory: `redis://…`, `rediss://…` or `redis+cluster://host:port,…`',
    schema: url(
      ['redis', 'rediss', 'redis+cluster', 'rediss+cluster'],
      'redis://localhost:6379',
    ).optional(),
    default: '',
  },
  DEMO: {
    about: 'Fill an empty log with the demo catalog and users: `on` or `off`',
    schema: z.enum(['on', 'off'], 'must be on or off'),
    default: 'on',
  },
  CURRENCY: {
    about: 'ISO 4217 code of prices and balances',
    schema: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters'),
    default: 'KRW',
  },
  HOLD_SECONDS: {
    about: 'How long a reserved seat is held for its buyer to pay',
    schema: wholeNumber(1, 86_400),
    default: '300',
  },
  HELD_SEATS_MAX: {
    about: 'Seats of one session that a user may hold, unpaid, at the same time',
    schema: wholeNumber(1, 1_000),
    default: '8',
  },
  HELD_SEATS_TOTAL_MAX: {
    about:
      'Seats of all sessions together that a user may hold, unpaid, at the same time; when not set, twice `HELD_SEATS_MAX`',
    schema: wholeNumber(1, 1_000).optional(),
    default: '',
  },
  BOUGHT_SEATS_MAX: {
    about:
      'Seats of one session that a user may have, held and paid together; when not set, there is no limit',
    schema: wholeNumber(1, 1_000).optional(),
    default: '',
  },
  HOLD_AGAIN_AFTER_SECONDS: {
    about:
      'A user who had a seat on hold for `HOLD_SECONDS` and did not pay it waits this long before holding it again; 0: not at all',
    schema: wholeNumber(0, 86_400),
    default: '60',
  },
  ORDER_SEATS_MAX: {
    about: 'Seats of one reservation',
    schema: wholeNumber(1, 16),
    default: '4',
  },
  REFUND_CUTOFF_SECONDS: {
    about: 'A paid seat can be cancelled for its money until this long before its session',
    schema: wholeNumber(0, 31_536_000),
    default: '86400',
  },
  QUEUE_ADMITTED_MAX: {
    about: 'Buyers admitted at the same time',
    schema: wholeNumber(1, 1_000_000),
    default: '30',
  },
  QUEUE_WAITING_MAX: {
    about: 'Buyers that may wait at the same time',
    schema: wholeNumber(1, 10_000_000),
    default: '1000000',
  },
  QUEUE_ADMITTED_SECONDS: {
    about:
      'An admitted place ends this long after it was claimed, or after its buyer held a seat last',
    schema: wholeNumber(1, 86_400),
    default: '300',
  },
  QUEUE_PLACE_MAX_SECONDS: {
    about: 'An admitted place ends this long after the admission, whatever its buyer does',
    schema: wholeNumber(1, 86_400),
    default: '900',
  },
  QUEUE_CLAIM_SECONDS: {
    about:
      'An admission that its buyer does not claim by a further call passes to the next after this long',
    schema: wholeNumber(1, 86_400),
    default: '30',
  },
  QUEUE_WAITING_SECONDS: {
    about: 'A waiting place ends this long after its next poll was due',
    schema: wholeNumber(1, 86_400),
    default: '150',
  },
  QUEUE_PAUSE_SECONDS: {
    about:
      'Longest pause between two polls that is told to those who wait, and up to a quarter more',
    schema: wholeNumber(1, 3_600),
    default: '20',
  },
  QUEUE_AFTER_PAYMENT_SECONDS: {
    about: 'What paying leaves of an admitted place, unless the buyer goes on',
    schema: wholeNumber(1, 3_600),
    default: '5',
  },
  IDEMPOTENCY_KEYS_MAX: {
    about: 'New idempotency keys of a user in an hour, on each instance',
    schema: wholeNumber(1, 1_000_000),
    default: '1000',
  },
  DRAIN_SECONDS: {
    about: `How long SIGTERM leaves the API serving after \`/readyz\` says no, for balancers to notice. Default: ${drainSeconds} with \`REDIS_URL\`, else 0`,
    schema: wholeNumber(0, 3_600).optional(),
    default: '',
  },
  LOG_LEVEL: {
    about: `Least level logged: ${logLevels.map((level) => `\`${level}\``).join(', ')}`,
    schema: z.enum(logLevels, `must be one of ${logLevels.join(', ')}`),
    default: 'info',
  },
} as const;

/** The settings in the order of the README's table. */
export const settingList: readonly Setting[] = Object.entries(settings).map(([name, setting]) => ({
  name,
  about: setting.about,
  default: setting.default,
}));

/** Validated configuration. Durations are milliseconds. */
export interface Config {
  readonly port: number;
  readonly host: string;
  /** Names of ALLOWED_HOSTS as they were given. */
  readonly allowedHosts: readonly string[];
  /** Absolute. */
  readonly dataDir: string;
  readonly eventStoreUrl: string | undefined;
  readonly postgresUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly demo: boolean;
  readonly currency: string;
  readonly holdMs: number;
  readonly heldSeatsMax: number;
  readonly heldSeatsTotalMax: number;
  readonly boughtSeatsMax: number | undefined;
  readonly holdAgainMs: number;
  readonly orderSeatsMax: number;
  readonly refundCutoffMs: number;
  readonly queue: {
    readonly admittedMax: number;
    readonly waitingMax: number;
    readonly admittedMs: number;
    readonly placeMaxMs: number;
    readonly claimMs: number;
    readonly waitingMs: number;
    readonly pauseMaxMs: number;
    readonly afterPaymentMs: number;
  };
  /** Of one user, in an hour. */
  readonly idempotencyKeysMax: number;
  /** From SIGTERM until the API is closed. */
  readonly drainMs: number;
  readonly logLevel: (typeof logLevels)[number];
}

/** What of it the limit of held seats is set to. */
export const fairUseOf = (config: Config) => ({
  heldMax: config.heldSeatsMax,
  heldTotalMax: config.heldSeatsTotalMax,
  boughtMax: config.boughtSeatsMax,
  holdMs: config.holdMs,
  againMs: config.holdAgainMs,
});

/** Settings that cannot be used, one line each. Values are not repeated: a URL may hold a password. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(`the configuration cannot be used:\n${problems.map((line) => `  ${line}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/**
 * Reads the configuration from environment variables; an empty variable counts as not set.
 * @throws ConfigError naming every setting that is wrong
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const read = <Name extends keyof typeof settings>(name: Name) => {
    const { schema, default: fallback } = settings[name];
    const parsed = schema.safeParse(env[name] || fallback || undefined);
    if (!parsed.success) problems.push(`${name} ${parsed.error.issues[0]?.message}`);
    return parsed.data as z.output<(typeof settings)[Name]['schema']>;
  };
  const config: Config = {
    port: read('PORT'),
    host: read('HOST'),
    allowedHosts: read('ALLOWED_HOSTS')?.split(/ *, */) ?? [],
    dataDir: resolve(read('DATA_DIR') ?? '.data'),
    eventStoreUrl: read('EVENTSTORE_URL'),
    postgresUrl: read('POSTGRES_URL'),
    redisUrl: read('REDIS_URL'),
    demo: read('DEMO') === 'on',
    currency: read('CURRENCY'),
    holdMs: read('HOLD_SECONDS') * 1_000,
    heldSeatsMax: read('HELD_SEATS_MAX'),
    heldSeatsTotalMax: read('HELD_SEATS_TOTAL_MAX') ?? Math.min(1_000, 2 * read('HELD_SEATS_MAX')),
    boughtSeatsMax: read('BOUGHT_SEATS_MAX'),
    holdAgainMs: read('HOLD_AGAIN_AFTER_SECONDS') * 1_000,
    orderSeatsMax: read('ORDER_SEATS_MAX'),
    refundCutoffMs: read('REFUND_CUTOFF_SECONDS') * 1_000,
    queue: {
      admittedMax: read('QUEUE_ADMITTED_MAX'),
      waitingMax: read('QUEUE_WAITING_MAX'),
      admittedMs: read('QUEUE_ADMITTED_SECONDS') * 1_000,
      placeMaxMs: read('QUEUE_PLACE_MAX_SECONDS') * 1_000,
      claimMs: read('QUEUE_CLAIM_SECONDS') * 1_000,
      waitingMs: read('QUEUE_WAITING_SECONDS') * 1_000,
      pauseMaxMs: read('QUEUE_PAUSE_SECONDS') * 1_000,
      afterPaymentMs: read('QUEUE_AFTER_PAYMENT_SECONDS') * 1_000,
    },
    idempotencyKeysMax: read('IDEMPOTENCY_KEYS_MAX'),
    drainMs: (read('DRAIN_SECONDS') ?? (env.REDIS_URL ? drainSeconds : 0)) * 1_000,
    logLevel: read('LOG_LEVEL'),
  };
  if (problems.length === 0)
    problems.push(...contradictions(env, config), ...queueProblems(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** Pairs of settings of which the first allows what the second never lets happen. */
const atMost = [
  ['HELD_SEATS_MAX', 'HELD_SEATS_TOTAL_MAX'],
  ['HELD_SEATS_MAX', 'BOUGHT_SEATS_MAX'],
  ['ORDER_SEATS_MAX', 'HELD_SEATS_MAX'],
  ['ORDER_SEATS_MAX', 'HELD_SEATS_TOTAL_MAX'],
  ['ORDER_SEATS_MAX', 'BOUGHT_SEATS_MAX'],
] as const;

/** One line for each pair that was set so; a default gives way to what is set. */
function contradictions(
  env: Readonly<Record<string, string | undefined>>,
  config: Config,
): readonly string[] {
  const values = {
    HELD_SEATS_MAX: config.heldSeatsMax,
    HELD_SEATS_TOTAL_MAX: config.heldSeatsTotalMax,
    BOUGHT_SEATS_MAX: config.boughtSeatsMax,
    ORDER_SEATS_MAX: config.orderSeatsMax,
  };
  return atMost.flatMap(([less, more]) => {
    const [few, many] = [values[less], values[more]];
    if (!env[less] || !env[more] || few === undefined || many === undefined) return [];
    return few <= many ? [] : [`${less} ${few} is more than ${more} ${many} allows`];
  });
}

/** Times of the queue that let nobody in, or nobody stay: one line for each pair, whether they were set or are defaults. */
function queueProblems({ queue }: Config): readonly string[] {
  const { claimMs, admittedMs, placeMaxMs, waitingMs, pauseMaxMs, afterPaymentMs } = queue;
  const seconds = (ms: number) => ms / 1_000;
  const pairs: readonly (readonly [string, number, string, number])[] = [
    ['QUEUE_CLAIM_SECONDS', claimMs, 'QUEUE_ADMITTED_SECONDS', admittedMs],
    ['QUEUE_AFTER_PAYMENT_SECONDS', afterPaymentMs, 'QUEUE_ADMITTED_SECONDS', admittedMs],
    ['QUEUE_ADMITTED_SECONDS', admittedMs, 'QUEUE_PLACE_MAX_SECONDS', placeMaxMs],
    ['twice QUEUE_PAUSE_SECONDS', 2 * pauseMaxMs, 'QUEUE_WAITING_SECONDS', waitingMs],
  ];
  return pairs
    .filter(([, less, , more]) => less > more)
    .map(([a, less, b, more]) => `${a} (${seconds(less)}) is more than ${b} (${seconds(more)})`);
}
