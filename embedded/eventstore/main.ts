/**
 * Runs the event store as a separate process: from a shell, or forked by a process that uses it
 * (`../child.ts` describes their messages).
 */
import { parseArgs } from 'node:util';
import { runChild } from '../child.ts';
import { parseFault } from './faults.ts';
import { type RunningServer, startServer } from './server.ts';
import { checkpointManners, defaultCheckpoints } from './subscriptions/search.ts';

const helpText = `The embedded event store: EventStoreDB's gRPC protocol on one node, its log on disk.

  npm run eventstore -- [--port 2113] [--data ./data] [--host 127.0.0.1] [--port-wait 0]

  --port N    port to listen on; 0 takes a free one           (default 2113)
  --data DIR  directory of the log, made when it is missing   (default ./data)
  --host H    address to listen on; no TLS                    (default 127.0.0.1)
  --port-wait S  wait so many seconds for a port that is taken   (default 0)
  --checkpoints V
              whose checkpoints filtered subscriptions get: ${checkpointManners.join(', ')} (default ${defaultCheckpoints})
  --faults    take orders to misbehave from the parent process; for tests, see faults.ts
  --help      this text

With EVENTSTORE_PASSWORD in its environment it takes only calls with the Basic credentials service:PASSWORD (not an
option: other users of the machine can read those). The official clients send none without TLS; Reprise does, with
EVENTSTORE_URL=esdb://service:PASSWORD@127.0.0.1:2113?tls=false. Without it any local user is let in.

Connect with  esdb://127.0.0.1:2113?tls=false  (or esdb+discover://).
Ctrl-C stops it; what was acknowledged is on disk.`;

const portWaitMaxS = 600;

const optionList = {
  port: { type: 'string', default: '2113' },
  data: { type: 'string', default: './data' },
  host: { type: 'string', default: '127.0.0.1' },
  checkpoints: { type: 'string', default: defaultCheckpoints },
  'port-wait': { type: 'string', default: '0' },
  faults: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

async function start(signal: AbortSignal): Promise<RunningServer> {
  const { values } = parseArgs({ options: optionList });
  const port = wholeNumber('port', values.port, 65_535);
  const portWaitMs = wholeNumber('port-wait', values['port-wait'], portWaitMaxS) * 1_000;
  const { host, data: dataDirectory, faults } = values;
  const checkpoints = checkpointManners.find((manner) => manner === values.checkpoints);
  if (checkpoints === undefined)
    throw new Error(
      `--checkpoints must be ${checkpointManners.join(' or ')}, not "${values.checkpoints}". See --help.`,
    );
  const password = process.env.EVENTSTORE_PASSWORD;
  const server = await startServer({
    ...{ port, portWaitMs, host, dataDirectory, checkpoints, faults, signal },
    ...(password ? { password } : {}),
  });
  if (faults) process.on('message', (message) => process.send?.(obey(server, message)));
  return server;
}

function wholeNumber(option: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new Error(`--${option} must be a number from 0 to ${max}, not "${text}". See --help.`);
  return value;
}

/** Carries out a request of a test (faults.ts has the messages) and answers it. */
function obey(server: RunningServer, message: unknown): object {
  if (typeof message === 'object' && message !== null && 'stats' in message)
    return { stats: server.stats() };
  try {
    if (typeof message !== 'object' || message === null || !('fault' in message))
      throw new Error(`no such order: ${JSON.stringify(message)}`);
    server.faults?.set(parseFault(message.fault));
    return { fault: 'set' };
  } catch (error) {
    return { refused: (error as Error).message };
  }
}

if (process.argv.includes('--help')) console.log(helpText);
else runChild(start);
