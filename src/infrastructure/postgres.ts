import pg from 'pg';
import { valueWithin } from '../support/time-limit.ts';
import { isUntrusted } from './certificates.ts';
import { ReadOnlyServer, Sessions } from './postgres-sessions.ts';

/** Connections to PostgreSQL, their time limits, and the meaning of the driver's errors. */

/** Bounds of a pool of connections. */
export interface PostgresBounds {
  /** Connections open at the same time. A further caller waits `connectTimeoutMs`. Default 10. */
  readonly connectionsMax?: number;
  /** Longest wait for a connection, new or from the pool. Default 2,000. */
  readonly connectTimeoutMs?: number;
  /** The server ends a statement that takes longer. Rebuilds want more than the default 4,000. */
  readonly statementTimeoutMs?: number;
  /** May the server be read-only? Default false: then a read-only server counts as away. */
  readonly mayBeReadOnly?: boolean;
}

/**
 * If a server does not end a statement in time, the client waits this much longer before it gives
 * up.
 */
const silentServerMs = 500;

/**
 * The driver's options for statements that are fast on a healthy server, in milliseconds. A query
 * that exceeds this shows that the connection is dead.
 */
export const quick = { query_timeout: 2_000 };

/** A pool, with the functions for `/readyz` and the shutdown. */
export interface Postgres {
  /** `bigint` columns (and `count(*)`) arrive as BigInt, `numeric` as string, times as Date. */
  readonly pool: pg.Pool;
  /** Is a query possible? Answers within `timeoutMs`. Never throws. */
  reachable(timeoutMs: number): Promise<boolean>;
  /**
   * Why the server refused the last query of `reachable`, if it will refuse it again. See
   * `whyRefused`.
   */
  refusal(): string | undefined;
  /**
   * The server's or the system's error in the last call of `reachable`; undefined if it succeeded.
   */
  lastWords(): string | undefined;
  /**
   * `own`: the schema for new tables by the settings of the URL and the role. `home`: the schema of
   * the tables, which every unqualified name means. Each is null if there is none. Undefined before
   * the first connection.
   */
  schemas(): { readonly own: string | null; readonly home: string | null } | undefined;
  /** Closes free connections now, and the others when they are given back. */
  close(): Promise<void>;
}

/**
 * The first query opens a connection; this function does not. `url` is a `postgres://` address with
 * the database's name.
 */
export function connectPostgres(url: string, bounds: PostgresBounds = {}): Postgres {
  const { connectionsMax = 10, connectTimeoutMs = 2_000, statementTimeoutMs = 4_000 } = bounds;
  const { mayBeReadOnly = false } = bounds;
  const sessions = new Sessions({ statementTimeoutMs, answerMs: connectTimeoutMs, mayBeReadOnly });
  const pool = new pg.Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: statementTimeoutMs + silentServerMs,
    fallback_application_name: 'reprise',
    keepAlive: true,
    // Statements that are made at the same time are sent together. Their answers come in order.
    pipeline: true,
    types: { getTypeParser },
    onConnect: (client) => sessions.begin(client as pg.PoolClient),
  });
  // Without a listener, a lost server would end the process. The pool drops such a connection
  // itself, and the query reports the error to its caller.
  pool.on('error', () => {});
  pool.on('release', (error: Error | boolean | undefined, client) => {
    if (error) sessions.giveUp(client, error);
  });
  let refusal: string | undefined;
  let lastWords: string | undefined;
  const ask = async () => {
    try {
      await pool.query({ text: 'SELECT 1', ...quick });
      refusal = undefined;
      lastWords = undefined;
      return true;
    } catch (error) {
      refusal = whyRefused(error);
      lastWords = wordsOf(error);
      throw error;
    }
  };
  return {
    pool,
    reachable: async (timeoutMs) => (await valueWithin(timeoutMs, ask())) ?? false,
    refusal: () => refusal,
    lastWords: () => lastWords,
    schemas: () => sessions.last,
    close: () => pool.end(),
  };
}

const getTypeParser: typeof pg.types.getTypeParser = (
  oid: number,
  format?: 'text' | 'binary',
): ((value: string) => unknown) =>
  oid === pg.types.builtins.INT8 && format !== 'binary'
    ? BigInt
    : pg.types.getTypeParser(oid, format as 'text');

/**
 * SQLSTATE classes and codes (appendix A of PostgreSQL's manual) that concern the server and not
 * the statement: 08 connection, 53 resources, 57P shutdown and start of the server, 57014 statement
 * timeout, 58 the disk, 25P03 idle transaction ended, 25006 read-only server, 40001 and 40P01
 * conflict with another transaction.
 */
const unavailableState = /^(08...|53...|57P0[1-5]|57014|58...|25P03|25006|40001|40P01)$/;

/** Undefined column and table. The read models belong to another version of the service. */
const otherShapeState = /^(42703|42P01)$/;

/** Does the error mean that the tables have another shape than the statement expects? */
export const isOtherShape = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && otherShapeState.test(error.code ?? '');

/**
 * Classes of errors about the values of a statement: 22 data, 23 integrity, 54 limits of the
 * program.
 */
const refusedState = /^(22|23|54)...$/;

/** Does PostgreSQL refuse the values of a statement, so that it would refuse them again? */
export const isRefusal = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && refusedState.test(error.code ?? '');

/**
 * Invalid authorization, invalid catalog name, no right to connect. The server does not accept the
 * user, the password or the database.
 */
const wrongLoginState = /^(28...|3D000|42501)$/;

/** Errors of poolers that have no code, only a text. */
const startUpRefused = /^unsupported startup parameter/;
const noLogin = /^(no such (database|user)|password authentication failed)/;

/**
 * Why the server refuses connections and will always refuse them with this URL; undefined for any
 * other error.
 */
export function whyRefused(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { message } = error;
  if (error instanceof pg.DatabaseError) {
    if (startUpRefused.test(message)) {
      return `${message}; take it out of the URL, or have the pooler ignore it (PgBouncer: ignore_startup_parameters)`;
    }
    return wrongLoginState.test(error.code ?? '') || noLogin.test(message) ? message : undefined;
  }
  const { code = '', path } = error as NodeJS.ErrnoException;
  if (isUntrusted(code)) {
    return `its certificate is not trusted (${message}): name its authority by sslrootcert=FILE, or do without by sslmode=no-verify`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is for other names: ${message}; use one of these names in the URL`;
  }
  // An error about a certificate's file, which the driver reads. A socket has no such error.
  if (code === 'ENOENT' && path !== undefined) return message;
  if (/client password must be/.test(message)) return 'it wants a password, and the URL has none';
  if (/does not support SSL/.test(message)) return 'it speaks no TLS, and the URL wants it';
  return undefined;
}

/** The error's text. If several addresses were tried, the text of each. */
const wordsOf = (error: unknown): string =>
  error instanceof AggregateError
    ? [...new Set(error.errors.map(wordsOf))].join('; ')
    : error instanceof Error
      ? error.message
      : String(error);

/** Errors of the driver that have no code, only a text. */
const unavailableWords =
  /^(Connection terminated|timeout e(xceeded|xpired)|Query read timeout|Client has encountered a connection error|Client was closed)/;

/**
 * Does the error mean that the server is away, overloaded or too slow? Then it is unknown whether
 * the statement changed anything. Other errors are bugs, or the caller must handle them (a unique
 * violation).
 */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  if (error instanceof pg.DatabaseError) return unavailableState.test(error.code ?? '');
  if (error instanceof ReadOnlyServer) return true;
  if (!(error instanceof Error)) return false;
  // Any failed system call of a socket: refused, reset, unreachable, no such host, …
  if ('syscall' in error) return true;
  return unavailableWords.test(error.message);
}
