/**
 * The clients of `bench/http.ts`. An HTTP library would cost more than the server under test. So
 * each connection sends the same request again when it has received a response of the length of the
 * first one. The process reports the number of answers twice: after the warm-up and at the end.
 */
import { connect, type Socket } from 'node:net';

interface Job {
  readonly port: number;
  readonly request: string;
  readonly connections: number;
  readonly seconds: number;
}

const warmUpMs = 500;

/** Length of the one response in `text`, or undefined while it is not whole. */
function responseLength(text: string): number | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(text);
  if (headEnd < 0 || length === null) return undefined;
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(`not a 200: ${text.slice(0, 200)}`);
  const whole = headEnd + 4 + Number(length[1]);
  return text.length >= whole ? whole : undefined;
}

process.once('message', ({ port, request, connections, seconds }: Job) => {
  let answered = 0;
  const sockets: Socket[] = [];
  for (let at = 0; at < connections; at++) {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    let first = '';
    let expected = 0;
    let received = 0;
    socket.on('data', (chunk) => {
      if (expected === 0) {
        first += chunk.toString('latin1');
        const length = responseLength(first);
        if (length === undefined) return;
        expected = length;
      } else {
        received += chunk.length;
        if (received < expected) return;
        if (received > expected) throw new Error('responses differ in length');
        received = 0;
      }
      answered++;
      socket.write(request);
    });
    sockets.push(socket);
  }
  setTimeout(() => {
    process.send?.(answered);
    setTimeout(() => {
      process.send?.(answered);
      for (const socket of sockets) socket.destroy();
    }, seconds * 1000);
  }, warmUpMs);
});
