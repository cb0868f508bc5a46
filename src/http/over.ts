import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The functions to call at the end of a connection's answers. */
const waiting = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls `tell` once when an answer is over: it was sent, or its connection was closed. Node reports
 * neither for an answer that waits behind another one when the connection closes, because it has no
 * socket yet. Without this, the resources of such an answer would never be released.
 */
export function whenOver(res: ServerResponse, tell: () => void): void {
  const { socket } = res.req;
  if (res.closed || socket.destroyed) {
    tell();
    return;
  }
  const all = waiting.get(socket) ?? watch(socket);
  const over = (): void => {
    if (all.delete(over)) tell();
  };
  all.add(over);
  res.once('close', over);
}

/** One listener per connection, for any number of answers that wait on it. */
function watch(socket: Socket): Set<() => void> {
  const all = new Set<() => void>();
  waiting.set(socket, all);
  socket.once('close', () => {
    for (const over of [...all]) over();
  });
  return all;
}
