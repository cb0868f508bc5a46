import pg from 'pg';

/** The set-up of each connection before its first use, and the end of abandoned connections. */

/**
 * The number of abandoned sessions that are remembered until they can be ended. If there are more,
 * the server's own time limits end the oldest ones.
 */
const givenUpMax = 100;

/**
 * After it ends a session, the service waits this long for the session's locks, in milliseconds.
 */
const endMsMax = 1_000;

/**
 * If one connection is dead, others that were silent for this long count as dead, too. In
 * milliseconds.
 */
const silentMsMax = 1_000;

/**
 * The settings of a session. They are not start-up parameters, because poolers refuse those. With
 * them, the server notices in about ten seconds that a client has disappeared. With the default of
 * most systems, this takes two hours, and the session keeps its locks meanwhile.
 */
const settingsOf = (statementTimeoutMs: number) => ({
  statement_timeout: statementTimeoutMs,
  // The server ends a transaction without activity for this long. So a lost transaction does not
  // hold its locks for ever.
  idle_in_transaction_session_timeout: 30_000,
  tcp_keepalives_idle: 5,
  tcp_keepalives_interval: 2,
  tcp_keepalives_count: 3,
  tcp_user_timeout: 10_000,
  // The statements depend on these values. The defaults of the database or the role may be
  // different.
  default_transaction_isolation: 'read committed',
});

/** A table that every version of the service has. The other tables are in the same schema. */
const anchorTable = 'projection_checkpoint';

/**
 * Sets the one schema for unqualified names: the schema of the tables. Without this, a newer schema
 * with the name of the role would come first.
 */
const homeText = `SELECT set_config('search_path', quote_ident(home), false) FROM coalesce(
  (SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
   WHERE pg_class.oid = to_regclass('${anchorTable}')), current_schema()) AS home WHERE home IS NOT NULL`;

/**
 * A session: its server, and the values that distinguish it from a later session with the same
 * process id.
 */
interface Session {
  readonly pid: number;
  readonly since: string;
  readonly readOnly: boolean;
  /** The first schema of the search path, as it was before `homeText`; null when there is none. */
  readonly own: string | null;
  /** The schema that has the tables; null if no schema of the path has them. */
  readonly home: string | null;
}

const sessionText = `SELECT pid, extract(epoch FROM backend_start)::text AS since,
  pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS "readOnly",
  current_schema() AS own,
  (SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
   WHERE pg_class.oid = to_regclass('${anchorTable}')) AS home
  FROM pg_stat_activity WHERE pid = pg_backend_pid()`;

/**
 * The server accepts no writes. It is a standby, or the old server after a failover. It counts as
 * away.
 */
export class ReadOnlyServer extends Error {
  constructor() {
    super('the server takes no writes: it is a standby, or set to read only');
    this.name = 'ReadOnlyServer';
  }
}

/** Members that the driver's types lack: the socket, and the server's errors. */
interface Inside {
  readonly connection: {
    readonly stream: { destroy(): void; on(event: 'data', heard: () => void): void };
    on(event: 'errorMessage', heard: (error: { code?: string; severity?: string }) => void): void;
  };
}

const readOnlyState = '25006';

/** Is it the driver's error for a server that gave no answer in time? */
const isSilence = (error: unknown): boolean =>
  error instanceof Error && /^Query read timeout/.test(error.message);

/** A connection that is open. */
interface Open {
  /** Undefined until the server has sent it. */
  session: Session | undefined;
  /** The time of the server's last message, by `performance.now()`. */
  heardMs: number;
}

/** The sessions of one pool. */
export class Sessions {
  readonly #open = new Map<pg.PoolClient, Open>();
  #givenUp: Session[] = [];
  #last: Session | undefined;
  readonly #statementTimeoutMs: number;
  readonly #answerMs: number;
  readonly #mayBeReadOnly: boolean;

  /** @param answerMs longest wait for an answer to the statements of this class */
  constructor(bounds: {
    readonly statementTimeoutMs: number;
    readonly answerMs: number;
    readonly mayBeReadOnly: boolean;
  }) {
    this.#statementTimeoutMs = bounds.statementTimeoutMs;
    this.#answerMs = bounds.answerMs;
    this.#mayBeReadOnly = bounds.mayBeReadOnly;
  }

  /** The session of the connection that was opened last; undefined before the first. */
  get last(): Pick<Session, 'own' | 'home'> | undefined {
    return this.#last;
  }

  /**
   * Prepares a new connection. First it ends the abandoned sessions, because their locks would
   * block this connection.
   * @throws ReadOnlyServer; the server's error
   */
  async begin(client: pg.PoolClient): Promise<void> {
    const open: Open = { session: undefined, heardMs: performance.now() };
    this.#open.set(client, open);
    client.on('error', () => {});
    client.once('end', () => this.giveUp(client));
    const { connection } = client as unknown as Inside;
    connection.stream.on('data', () => {
      open.heardMs = performance.now();
    });
    connection.on('errorMessage', ({ code, severity }) => {
      // The server ends the session itself.
      if (severity === 'FATAL') this.#open.delete(client);
      if (code === readOnlyState) this.#abandonAll();
    });
    const settings = settingsOf(this.#statementTimeoutMs);
    // Sent together, in one round trip.
    const [found] = await Promise.all([
      this.#ask<Session>(client, sessionText),
      this.#ask(client, homeText),
      this.#ask(
        client,
        'SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS mine(name, value)',
        [Object.keys(settings), Object.values(settings).map(String)],
      ),
    ]);
    const [session] = found.rows;
    if (session?.readOnly && !this.#mayBeReadOnly) throw new ReadOnlyServer();
    open.session = session;
    this.#last = session;
    await this.#endGivenUp(client);
  }

  /**
   * Closes a connection that its user has abandoned.
   * @param why the error of a silent server: then all other connections to it are closed too, so
   * that they need not fail one after the other
   */
  giveUp(client: pg.PoolClient, why?: unknown): void {
    const session = this.#open.get(client)?.session;
    this.#open.delete(client);
    if (isSilence(why)) this.#abandonSilent();
    if (session === undefined) return;
    this.#givenUp.push(session);
    if (this.#givenUp.length > givenUpMax) this.#givenUp.shift();
  }

  /**
   * The server of these connections accepts no writes. New connections may reach another server.
   */
  #abandonAll(): void {
    if (this.#mayBeReadOnly) return;
    for (const client of this.#open.keys()) cut(client);
  }

  #abandonSilent(): void {
    const sinceMs = performance.now() - silentMsMax;
    for (const [client, { heardMs }] of this.#open) if (heardMs < sinceMs) cut(client);
  }

  /**
   * If a connection has no traffic, closing it on this side does not reach the server. Its session
   * would keep its locks. Therefore this ends the session. It does not find sessions that have
   * already ended. Sessions of another server do not match.
   */
  async #endGivenUp(client: pg.PoolClient): Promise<void> {
    const sessions = this.#givenUp;
    if (sessions.length === 0) return;
    this.#givenUp = [];
    try {
      await this.#ask(
        client,
        `SELECT pg_terminate_backend(pid, ${endMsMax}) FROM pg_stat_activity
         JOIN unnest($1::integer[], $2::text[]) AS lost(pid, since) USING (pid)
         WHERE extract(epoch FROM backend_start)::text = lost.since`,
        [sessions.map(({ pid }) => pid), sessions.map(({ since }) => since)],
      );
    } catch (error) {
      // If the server refuses, its own time limits end the sessions. Otherwise the next connection
      // tries again.
      if (error instanceof pg.DatabaseError) return;
      this.#givenUp.push(...sessions);
      throw error;
    }
  }

  #ask<Row extends pg.QueryResultRow>(client: pg.PoolClient, text: string, values: unknown[] = []) {
    // The driver accepts a time limit per query, but its types lack it.
    const query = { text, values, query_timeout: this.#answerMs };
    return client.query<Row>(query as pg.QueryConfig);
  }
}

function cut(client: pg.PoolClient): void {
  const { connection } = client as unknown as Inside;
  // The query gets the error first.
  setImmediate(() => connection.stream.destroy());
}
