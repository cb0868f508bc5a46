/**
 * The clients of `bench/queue.ts`. Without a rate, each connection sends its next request after the
 * answer to the last one. With a rate, requests are due at fixed moments, and a free connection
 * sends each of them. The time of an answer counts from this moment, even if no connection is free.
 * The process reports when it is warm, and later the time of each answer since then.
 */
import { connect, type Socket } from 'node:net';

interface Job {
  readonly port: number;
  /**
   * The paths, which are requested one after another. After the last one, it starts again with the
   * first.
   */
  readonly paths: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** Requests per second; undefined: as many as are answered. */
  readonly perSecond?: number;
}

const warmUpMs = 1_000;

/** Length of the response at the start of `text`, or undefined while it is not complete. */
function responseLength(text: string): number | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(`not a 200: ${text.slice(0, 300)}`);
  const whole = headEnd + 4 + Number(/content-length: (\d+)/i.exec(text.slice(0, headEnd))?.[1]);
  return text.length >= whole ? whole : undefined;
}

process.once('message', ({ port, paths, connections, seconds, perSecond }: Job) => {
  const micros: number[] = [];
  let isMeasured = false;
  let next = 0;
  /** The due times of requests that wait for a free connection, and the free connections. */
  const due: number[] = [];
  const free: ((dueMs: number) => void)[] = [];

  const open = (): void => {
    let text = '';
    let sinceMs = 0;
    const socket: Socket = connect(port, '127.0.0.1', () => answered());
    const send = (dueMs: number): void => {
      const path = paths[next % paths.length];
      next += 1;
      sinceMs = dueMs;
      socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`);
    };
    const answered = (): void => {
      const dueMs = perSecond === undefined ? performance.now() : due.shift();
      if (dueMs === undefined) free.push(send);
      else send(dueMs);
    };
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const length = responseLength(text);
      if (length === undefined) return;
      text = text.slice(length);
      if (isMeasured) micros.push(Math.round((performance.now() - sinceMs) * 1_000));
      answered();
    });
  };
  for (let at = 0; at < connections; at += 1) open();

  if (perSecond !== undefined) {
    const startMs = performance.now();
    let offered = 0;
    setInterval(() => {
      for (;;) {
        const dueMs = startMs + (offered * 1_000) / perSecond;
        if (dueMs > performance.now()) return;
        offered += 1;
        const send = free.pop();
        if (send === undefined) due.push(dueMs);
        else send(dueMs);
      }
    }, 1);
  }
  setTimeout(() => {
    isMeasured = true;
    process.send?.('warm');
    setTimeout(() => process.send?.(micros, () => process.exit()), seconds * 1_000);
  }, warmUpMs);
});
