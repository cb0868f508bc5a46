import cluster from 'node:cluster';
import { createServer } from 'node:http';
import { pino } from 'pino';
import { boundConnections, Connections } from '../../../src/http/connections.ts';
import { listen } from '../../../src/http/listening.ts';

/**
 * A program for tests: two workers. Each takes a free port, and then the port of its argument, with
 * at most one connection. It prints a line for each worker: its free port.
 */
if (cluster.isPrimary) {
  for (let worker = 0; worker < 2; worker += 1) cluster.fork();
} else {
  const free = await listen(createServer(), 0, '127.0.0.1');
  const server = createServer((_, res) => res.end('there'));
  boundConnections(server, new Connections(pino({ level: 'silent' })), 1);
  await listen(server, Number(process.argv[2]), '127.0.0.1');
  console.log(free);
}
