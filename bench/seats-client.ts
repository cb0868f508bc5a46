/**
 * The clients of `bench/seats.ts`. Each requests the list at a fixed rate, even when the answer
 * before was slow, and waits for the last byte. It does not decompress the answers, because that is
 * the time of the page, not of the service.
 */
import { Agent, get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface SeatsJob {
  readonly port: number;
  readonly seconds: number;
  readonly connections: number;
  /** The time between two requests of one client. */
  readonly everyMs: number;
  /** Does it send the ETag of its last answer? */
  readonly revalidates: boolean;
}

const warmUpMs = 1_000;

process.once('message', async ({ port, seconds, connections, everyMs, revalidates }: SeatsJob) => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const ms: number[] = [];
  let notModified = 0;
  let bytes = 0;
  const from = performance.now() + warmUpMs;
  const end = from + seconds * 1_000;

  const ask = (etag: string | undefined) =>
    new Promise<string | undefined>((resolve, reject) => {
      const began = performance.now();
      const headers = {
        'Accept-Encoding': 'gzip',
        ...(etag === undefined ? {} : { 'If-None-Match': etag }),
      };
      const request = get(
        { agent, port, host: '127.0.0.1', path: '/concert/1/seat?sessionId=11', headers },
        (response) => {
          let length = 0;
          response.on('data', (chunk: Buffer) => {
            length += chunk.length;
          });
          response.on('error', reject);
          response.on('end', () => {
            if (began >= from) {
              ms.push(performance.now() - began);
              bytes = Math.max(bytes, length);
              if (response.statusCode === 304) notModified += 1;
            }
            resolve(response.headers.etag);
          });
        },
      );
      request.on('error', reject);
    });

  const client = async (at: number) => {
    let etag: string | undefined;
    let dueMs = performance.now() + (at * everyMs) / connections;
    while (performance.now() < end) {
      await delay(Math.max(0, dueMs - performance.now()));
      const told = await ask(etag);
      if (revalidates) etag = told;
      dueMs += everyMs;
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, at) => client(at)));
  process.send?.({ ms, notModified, bytes });
  agent.destroy();
});
