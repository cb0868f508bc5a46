import { mkdir, realpath } from 'node:fs/promises';
import { type Running, runChild } from './child.ts';
import { locateBinaries } from './postgres-binaries.ts';
import { createCluster, ensureDatabase } from './postgres-cluster.ts';
import { claimDirectory, stopForsaken } from './postgres-leftovers.ts';
import { type Server, type ServerPlace, startServer } from './postgres-server.ts';
import { chooseUser } from './postgres-user.ts';
import { Restarts } from './restarts.ts';

/**
 * The process that keeps PostgreSQL: `postgres-keeper.ts DIRECTORY [PORT]`, forked by postgres.ts. In the directory:
 *
 *     keeper.pid   which process keeps it
 *     password     of the role `reprise`, for its owner's eyes only
 *     data/        the cluster
 */

const database = 'reprise';

async function keep(
  given: string,
  port: number | undefined,
  signal: AbortSignal,
): Promise<Running> {
  await mkdir(given, { recursive: true, mode: 0o700 });
  const directory = await realpath(given);
  const release = await claimDirectory(directory);
  try {
    const binaries = await locateBinaries();
    const user = await chooseUser(directory, binaries);
    const place = { directory, binaries, user };
    await stopForsaken(directory);
    const password = await createCluster(directory, binaries, user, signal);
    const server = await startServer(place, signal, port);
    const url = `postgres://reprise:${password}@127.0.0.1:${server.port}/${database}`;
    try {
      await ensureDatabase(url, database);
    } catch (error) {
      await server.stop();
      throw error;
    }
    const supervised = supervise(server, place, signal);
    supervised.ended.catch(async (error: Error) => {
      console.error(error.message);
      await release();
      process.exit(1);
    });
    return {
      url,
      async stop() {
        await supervised.stop();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Starts the server again, at the same address, when it ends although nobody told it to. `ended` rejects when it ends too often. */
function supervise(
  first: Server,
  place: ServerPlace,
  signal: AbortSignal,
): { ended: Promise<void>; stop(): Promise<void> } {
  let server = first;
  const supervision = async (): Promise<void> => {
    const restarts = new Restarts();
    for (;;) {
      const lastWords = await server.exited;
      if (signal.aborted) return;
      if (!restarts.another()) throw new Error(`PostgreSQL keeps ending:\n${lastWords}`);
      console.error(`PostgreSQL ended by itself and is started again:\n${lastWords}`);
      server = await startServer(place, signal, first.port);
      // Told to stop while it started: that order went to its predecessor.
      if (signal.aborted) await server.stop();
    }
  };
  const ended = supervision().catch((error: Error) => {
    if (!signal.aborted) throw error;
  });
  return {
    ended,
    async stop() {
      await server.stop();
      await ended;
    },
  };
}

const [, , directory = '', port] = process.argv;
runChild((signal) => keep(directory, port === undefined ? undefined : Number(port), signal));
