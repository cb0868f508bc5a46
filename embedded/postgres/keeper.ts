import { mkdir, realpath } from 'node:fs/promises';
import { type Running, runChild } from '../child.ts';
import { Restarts } from '../restarts.ts';
import { locateBinaries } from './binaries.ts';
import { createCluster } from './cluster.ts';
import { claimDirectory } from './leftovers.ts';
import { prepareDatabase } from './role.ts';
import { type Server, type ServerPlace, startServer } from './server.ts';
import { chooseUser } from './user.ts';

/**
 * The process that keeps PostgreSQL: `keeper.ts DIRECTORY [SERVICES [PORT]]`, forked by start.ts.
 * In the directory:
 *
 *     keeper.lock  locked by the process that keeps it
 *     server.lock  locked by the server's processes
 *     password     of the superuser, for its owner's eyes only
 *     data/        the cluster
 */

async function keep(
  given: string,
  services: number,
  port: number | undefined,
  signal: AbortSignal,
): Promise<Running> {
  await mkdir(given, { recursive: true, mode: 0o700 });
  const directory = await realpath(given);
  const lock = await claimDirectory(directory);
  try {
    const { user, binaries } = await chooseUser(directory, await locateBinaries());
    const place = { directory, binaries, user, services };
    const password = await createCluster(directory, binaries, user, signal);
    const server = await startServer(place, signal, port);
    let url: string;
    try {
      url = await prepareDatabase(server.port, password);
    } catch (error) {
      await server.stop();
      throw error;
    }
    const supervised = supervise(server, place, signal);
    supervised.ended.catch((error: Error) => {
      console.error(error.message);
      lock.release();
      process.exit(1);
    });
    return {
      url,
      async stop() {
        await supervised.stop();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Restarts the server at the same address when it ends without a request. `ended` rejects when it
 * ends too often.
 */
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
      // The stop came while this server was starting, so only its predecessor received it.
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

const [, , directory = '', services = '1', port] = process.argv;
runChild((signal) =>
  keep(directory, Number(services), port === undefined ? undefined : Number(port), signal),
);
