import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { z } from 'zod';
import { drainSeconds, type logLevels, settings } from './config/settings.ts';

/** Validated configuration. Durations are milliseconds. */
export interface Config {
  readonly port: number;
  readonly host: string;
  /** Undefined: there is no admin listener. */
  readonly adminPort: number | undefined;
  readonly adminHost: string;
  /** Names of ALLOWED_HOSTS as they were given. */
  readonly allowedHosts: readonly string[];
  /** Absolute. */
  readonly dataDir: string;
  readonly eventStoreUrl: string | undefined;
  readonly postgresUrl: string | undefined;
  readonly redisUrl: string | undefined;
  /** Worker processes. 1: the service is one process. */
  readonly workers: number;
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
  /** Does the log keep the moves of the queue? */
  readonly keepsQueue: boolean;
  /** Of one user, in an hour. */
  readonly idempotencyKeysMax: number;
  /** From SIGTERM until the API is closed. */
  readonly drainMs: number;
  /** Before the service is ready; 0: no rehearsal. */
  readonly warmUpMs: number;
  /** The event loop may stand still for so long; 0: for ever. */
  readonly hangMs: number;
  readonly logLevel: (typeof logLevels)[number];
  /** One of so many ordinary requests is logged. */
  readonly logSample: number;
  readonly logFormat: 'text' | 'json';
  /** In each log line. */
  readonly instance: string;
}

/** The settings of the limit of held seats. */
export const fairUseOf = (config: Config) => ({
  heldMax: config.heldSeatsMax,
  heldTotalMax: config.heldSeatsTotalMax,
  boughtMax: config.boughtSeatsMax,
  holdMs: config.holdMs,
  againMs: config.holdAgainMs,
});

/**
 * Settings that cannot be used, one line for each. The lines do not repeat the values, because a
 * URL may hold a password.
 */
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
    adminPort: adminPort(read('ADMIN_PORT'), read('PORT')),
    adminHost: read('ADMIN_HOST'),
    allowedHosts: read('ALLOWED_HOSTS')?.split(/ *, */) ?? [],
    dataDir: resolve(read('DATA_DIR') ?? '.data'),
    eventStoreUrl: read('EVENTSTORE_URL'),
    postgresUrl: read('POSTGRES_URL'),
    redisUrl: read('REDIS_URL'),
    workers: read('WORKERS'),
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
    keepsQueue: read('QUEUE_LOG') === 'on',
    idempotencyKeysMax: read('IDEMPOTENCY_KEYS_MAX'),
    drainMs: (read('DRAIN_SECONDS') ?? (env.REDIS_URL ? drainSeconds : 0)) * 1_000,
    warmUpMs: read('WARM_UP_MS'),
    hangMs: read('HANG_SECONDS') * 1_000,
    logLevel: read('LOG_LEVEL'),
    logSample: read('LOG_SAMPLE'),
    logFormat: read('LOG_FORMAT'),
    instance: read('INSTANCE') ?? `${hostname()}:${process.pid}`,
  };
  if (config.adminPort === config.port && config.port !== 0) {
    problems.push('ADMIN_PORT is the same as PORT');
  }
  if (config.workers > 1 && config.redisUrl === undefined) {
    problems.push(
      'WORKERS above 1 needs REDIS_URL: workers share the queue and the limits in Redis',
    );
  }
  if (problems.length === 0)
    problems.push(...contradictions(env, config), ...queueProblems(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** Beside the API's port, so that services on one machine that differ in `PORT` get along. */
function adminPort(given: number | 'off' | undefined, port: number): number | undefined {
  if (given === 'off') return undefined;
  return given ?? (port === 0 || port === 65_535 ? 0 : port + 1);
}

/**
 * Pairs of settings. The first must be at most as large as the second. Otherwise the second never
 * allows the value of the first.
 */
const atMost = [
  ['HELD_SEATS_MAX', 'HELD_SEATS_TOTAL_MAX'],
  ['HELD_SEATS_MAX', 'BOUGHT_SEATS_MAX'],
  ['ORDER_SEATS_MAX', 'HELD_SEATS_MAX'],
  ['ORDER_SEATS_MAX', 'HELD_SEATS_TOTAL_MAX'],
  ['ORDER_SEATS_MAX', 'BOUGHT_SEATS_MAX'],
] as const;

/**
 * One line for each such pair that contradicts, if both were set. A default adapts to a value that
 * was set.
 */
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

/**
 * Times of the queue with which no buyer could enter, or none could stay: one line for each such
 * pair, whether the times were set or are defaults.
 */
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
