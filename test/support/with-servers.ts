import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Program, startPostgres, startRedisServer } from './programs.ts';

/**
 * Runs a command with the addresses of a real PostgreSQL and a real Redis in POSTGRES_URL and
 * REDIS_URL. If one of them is not set, it starts this server with the installed program of the
 * system, on a free port, and always stops it at the end.
 *
 * node --import tsx test/support/with-servers.ts npx mocha test/queue/redis-queue.int.ts
 *
 * The exit code is that of the command. It is 1, with a message, if a server is neither set nor
 * installed.
 */

const [command, ...args] = process.argv.slice(2);
if (command === undefined) throw new Error('a command is expected');

const started: Program[] = [];
const startedUrl = async (
  setting: 'POSTGRES_URL' | 'REDIS_URL',
  start: () => Promise<Program | undefined>,
): Promise<string> => {
  const given = process.env[setting];
  if (given) return given;
  const program = await start();
  if (program === undefined)
    throw new Error(`${setting} is not set, and no such server is installed`);
  started.push(program);
  return program.url;
};

let ending: NodeJS.Signals | undefined;
let child: ReturnType<typeof spawn> | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    ending = signal;
    child?.kill(signal);
  });
}

try {
  const env = {
    ...process.env,
    POSTGRES_URL: await startedUrl('POSTGRES_URL', startPostgres),
    REDIS_URL: await startedUrl('REDIS_URL', startRedisServer),
  };
  if (ending === undefined) {
    child = spawn(command, args, { env, stdio: 'inherit' });
    const [code] = (await once(child, 'exit')) as [number | null];
    process.exitCode = code ?? 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await Promise.allSettled(started.map((program) => program.stop()));
}
