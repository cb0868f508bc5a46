import path from 'node:path';
import { type ChildExit, startChild } from '../child.ts';

/**
 * Without POSTGRES_URL, this PostgreSQL is used: the original programs from npm, with the data in
 * `<DATA_DIR>/postgres`. A keeper process (keeper.ts) owns the server and stops it when this
 * process ends in any way.
 */

/** A running embedded PostgreSQL. */
export interface EmbeddedPostgres {
  /**
   * `postgres://` address of the database `reprise`, with the password of its owner, a role that is
   * not a superuser.
   */
  readonly url: string;
  /** The keeper's process id. */
  readonly pid: number;
  /** Resolves when the keeper and PostgreSQL have ended. Never rejects. */
  readonly exited: Promise<ChildExit>;
  /** Ends its sessions, writes everything to disk and stops it. Takes 15 s at the most. */
  stop(): Promise<void>;
}

/**
 * Enough time for `initdb` at the first start on a slow disk, or for the shutdown of an earlier
 * server and a recovery.
 */
const startMs = 90_000;

/**
 * Starts PostgreSQL on 127.0.0.1; creates the cluster and the database `reprise` the first time.
 * What an earlier run left behind (an interrupted start, a server without its keeper) is cleaned up
 * first.
 * @throws Error that says what to do when it cannot start: no binaries for this platform, a
 *   directory that cannot be used, another Reprise running on it.
 */
export async function startEmbeddedPostgres({
  dataDir,
  port,
  services = 1,
}: {
  /** DATA_DIR; everything goes into its folder `postgres`. */
  readonly dataDir: string;
  /** Default: a free one. */
  readonly port?: string | undefined;
  /** Processes of the service that connect to it, each with a pool of its own. Default 1. */
  readonly services?: number;
}): Promise<EmbeddedPostgres> {
  const directory = path.resolve(dataDir, 'postgres');
  const keeper = new URL('./keeper.ts', import.meta.url);
  const args = [directory, String(services), ...(port === undefined ? [] : [port])];
  const { url, pid, exited, stop } = await startChild(keeper, args, { timeoutMs: startMs });
  return { url, pid, exited, stop };
}
