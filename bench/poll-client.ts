/**
 * The clients of `bench/queue.ts`: each connection sends its next request when the last one was
 * answered. The process reports that it is warm, and later how long each answer took since.
 */
import { connect } from 'node:net';

interface Job {
  readonly port: number;
  /** Requested in turn, from the start again after the last one. */
  readonly paths: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

const warmUpMs = 1_000;

/** Length of the response at the start of `text`, or undefined while it is not whole. */
function responseLength(text: string): number | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(`not a 200: ${text.slice(0, 300)}`);
  const whole = headEnd + 4 + Number(/content-length: (\d+)/i.exec(text.slice(0, headEnd))?.[1]);
  return text.length >= whole ? whole : undefined;
}

process.once('message', ({ port, paths, connections, seconds }: Job) => {
  const micros: number[] = [];
  let isMeasured = false;
  let next = 0;
  for (let at = 0; at < connections; at += 1) {
    let text = '';
    let sentMs = 0;
    const send = (): void => {
      const path = paths[next % paths.length];
      next += 1;
      sentMs = performance.now();
      socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`);
    };
    const socket = connect(port, '127.0.0.1', send);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const length = responseLength(text);
      if (length === undefined) return;
      text = text.slice(length);
      if (isMeasured) micros.push(Math.round((performance.now() - sentMs) * 1_000));
      send();
    });
  }
  setTimeout(() => {
    isMeasured = true;
    process.send?.('warm');
    setTimeout(() => process.send?.(micros, () => process.exit()), seconds * 1_000);
  }, warmUpMs);
});
