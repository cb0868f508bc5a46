import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { expectProblem } from './document.ts';

/** A whole response as it came. */
export interface RawReply {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** A socket that collects what comes, and says how it ended. */
export function open(port: number): {
  socket: Socket;
  text: () => string;
  ended: Promise<unknown>;
} {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk) => {
    text += chunk;
  });
  // A reset after the answer is an end like another.
  socket.on('error', () => {});
  return { socket, text: () => text, ended: once(socket, 'close') };
}

/** Sends bytes as they are and reads until the server ends the connection. */
export async function raw(port: number, bytes: string | Buffer): Promise<RawReply> {
  const { socket, text, ended } = open(port);
  socket.write(bytes);
  await ended;
  const [head = '', body = ''] = text().split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head, body };
}

/** Fails unless it is a whole problem after which the connection ends. */
export function expectRawProblem(reply: RawReply, status: number, code: string): void {
  expect(reply.status, reply.head).to.equal(status);
  const header = (name: string) =>
    new RegExp(`^${name}: (.*)$`, 'im').exec(reply.head)?.[1] ?? null;
  expectProblem({
    status,
    type: header('content-type'),
    requestId: header('x-request-id'),
    body: reply.body,
  });
  expect(JSON.parse(reply.body).code).to.equal(code);
  expect(reply.head).to.match(/^connection: close$/im);
}
