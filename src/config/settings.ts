import { z } from 'zod';

/**
 * A setting: its environment variable, its meaning, its default. A test checks the README's table
 * against the list of them.
 */
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
 * Default of `DRAIN_SECONDS` with Redis. It is longer than the 5 s after which balancers and
 * orchestrators usually ask again, and it ends within the 10 s that `docker stop` leaves. A service
 * without Redis has no other instance that could serve meanwhile.
 */
export const drainSeconds = 7;

/**
 * Most worker processes of one service. Each has its own connections to PostgreSQL and its own copy
 * of the lists in memory.
 */
export const workersMax = 16;

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Every setting with its schema, in the order of the README's table. */
export const settings = {
  PORT: {
    about: 'Port of the HTTP API. 0: a free port',
    schema: wholeNumber(0, 65_535),
    default: '3000',
  },
  HOST: {
    about: 'Address the HTTP API listens on',
    schema: z.string().min(1),
    default: '127.0.0.1',
  },
  ADMIN_PORT: {
    about:
      'Port of the admin listener (`/metrics`, details of `/readyz`). 0: a free port. `off`: no admin listener. Default: `PORT` + 1, or a free port if `PORT` is 0 or 65535',
    schema: z
      .string()
      .refine(
        (text) => text === 'off' || (/^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535),
        'must be off or a whole number from 0 to 65535',
      )
      .transform((text) => (text === 'off' ? text : Number(text)))
      .optional(),
    default: '',
  },
  ADMIN_HOST: {
    about:
      'Address that the admin listener listens on. The admin listener shows what buyers should not see',
    schema: z.string().min(1),
    default: '127.0.0.1',
  },
  ALLOWED_HOSTS: {
    about:
      'Host names that requests may use, separated by commas, or `*`. Loopback names are always allowed. Default: if `HOST` is loopback, only loopback names; otherwise every name',
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
    about:
      'Directory of the embedded servers’ data, the incidents, the backups and the records of `reprise alarm`',
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
      'Redis for the waiting queue and the limits of held seats, instead of memory: `redis://…`, `rediss://…` or `redis+cluster://host:port,…`',
    schema: url(
      ['redis', 'rediss', 'redis+cluster', 'rediss+cluster'],
      'redis://localhost:6379',
    ).optional(),
    default: '',
  },
  WORKERS: {
    about:
      'Worker processes that serve the API behind one port. Use one for each free core. More than 1 needs `REDIS_URL`',
    schema: wholeNumber(1, workersMax),
    default: '1',
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
    about: 'Unpaid seats of one session that a user may hold at the same time',
    schema: wholeNumber(1, 1_000),
    default: '8',
  },
  HELD_SEATS_TOTAL_MAX: {
    about:
      'Unpaid seats of all sessions together that a user may hold at the same time. Default: twice `HELD_SEATS_MAX`, at most 1000',
    schema: wholeNumber(1, 1_000).optional(),
    default: '',
  },
  BOUGHT_SEATS_MAX: {
    about: 'Held and paid seats of one session that a user may have. Default: no limit',
    schema: wholeNumber(1, 1_000).optional(),
    default: '',
  },
  HOLD_AGAIN_AFTER_SECONDS: {
    about:
      'Pause after a user held a seat for `HOLD_SECONDS` and did not pay it. During the pause, this user cannot hold the same seat. 0: no pause',
    schema: wholeNumber(0, 86_400),
    default: '60',
  },
  ORDER_SEATS_MAX: {
    about: 'Seats of one reservation',
    schema: wholeNumber(1, 16),
    default: '4',
  },
  REFUND_CUTOFF_SECONDS: {
    about:
      'Up to this time before a session, a buyer can cancel a paid seat and get the money back',
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
      'How long an admission lasts. The time begins with the first call of the buyer after the admission. Each reservation of the buyer starts it again',
    schema: wholeNumber(1, 86_400),
    default: '300',
  },
  QUEUE_PLACE_MAX_SECONDS: {
    about: 'Longest duration of an admission, even if reservations start its time again',
    schema: wholeNumber(1, 86_400),
    default: '900',
  },
  QUEUE_CLAIM_SECONDS: {
    about:
      'After the admission, the buyer must make another call within this time. Otherwise the next buyer gets the place. If most buyers make this call sooner, the service makes this time shorter',
    schema: wholeNumber(1, 86_400),
    default: '30',
  },
  QUEUE_WAITING_SECONDS: {
    about:
      'If a waiting buyer does not poll, the buyer loses the place after this time. The time begins when the poll was expected',
    schema: wholeNumber(1, 86_400),
    default: '150',
  },
  QUEUE_PAUSE_SECONDS: {
    about:
      'Longest pause of a waiting buyer between two polls, before the random part. The service then adds a random part of at most a quarter of the pause',
    schema: wholeNumber(1, 3_600),
    default: '20',
  },
  QUEUE_AFTER_PAYMENT_SECONDS: {
    about:
      'Time from a payment to the end of the admission. A new reservation extends the admission',
    schema: wholeNumber(1, 3_600),
    default: '5',
  },
  QUEUE_LOG: {
    about:
      '`on`: the log stores each change of a place in the queue, and a restart rebuilds the queue from these changes. `off`: it does not store them',
    schema: z.enum(['on', 'off'], 'must be on or off'),
    default: 'on',
  },
  IDEMPOTENCY_KEYS_MAX: {
    about: 'New idempotency keys of one user per hour, on each instance',
    schema: wholeNumber(1, 1_000_000),
    default: '1000',
  },
  DRAIN_SECONDS: {
    about: `Time for which the API continues to serve after SIGTERM. In this time \`/readyz\` is 503, and load balancers notice the stop. Default: ${drainSeconds} with \`REDIS_URL\`, else 0`,
    schema: wholeNumber(0, 3_600).optional(),
    default: '',
  },
  WARM_UP_MS: {
    about:
      'Before the service is ready, it rehearses purchases for this time. So its code is already compiled when the first buyers come. The rehearsal stores nothing. 0: no rehearsal',
    schema: wholeNumber(0, 10_000),
    default: '800',
  },
  HANG_SECONDS: {
    about:
      'If the event loop of the process does not run for this time, the process ends. Then a supervisor starts it again. 0: never. Otherwise at least 5',
    schema: z
      .string()
      .regex(/^[0-9]{1,4}$/, 'must be 0, or a whole number from 5 to 3600')
      .transform(Number)
      .refine(
        (n) => n === 0 || (n >= 5 && n <= 3_600),
        'must be 0, or a whole number from 5 to 3600',
      ),
    default: '20',
  },
  LOG_LEVEL: {
    about: `Lowest level that is logged: ${logLevels.map((level) => `\`${level}\``).join(', ')}`,
    schema: z.enum(logLevels, `must be one of ${logLevels.join(', ')}`),
    default: 'info',
  },
  LOG_SAMPLE: {
    about:
      'With 1000, one in 1000 ordinary requests is logged. With 1, every request is logged. Slow and failed requests are always logged',
    schema: wholeNumber(1, 1_000_000),
    default: '1000',
  },
  LOG_FORMAT: {
    about:
      'Form of the messages about start and stop. `text`: for people, on standard output. `json`: as log lines, on standard error',
    schema: z.enum(['text', 'json'], 'must be text or json'),
    default: 'text',
  },
  INSTANCE: {
    about: 'Name of this instance in its log lines. Default: host name and process id',
    schema: z
      .string()
      .regex(/^[A-Za-z0-9._:@-]{1,100}$/, 'must have 1 to 100 letters, digits or . _ : @ -')
      .optional(),
    default: '',
  },
} as const;

/** The settings as people see them. */
export const settingList: readonly Setting[] = Object.entries(settings).map(([name, setting]) => ({
  name,
  about: setting.about,
  default: setting.default,
}));
