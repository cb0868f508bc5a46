import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Who waits for the end of a connection's answers. */
const waiting = new WeakMap<Socket, Set<() => void>>();

/**
 * Tells once that an answer is over: it was sent, or its connection is gone. Node says neither of
 * an answer that waits behind another one on its connection when that goes: it has no socket yet,
 * and whatever it holds would be held for ever.
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

/** One listener a connection, however many answers wait on it. */
function watch(socket: Socket): Set<() => void> {
  const all = new Set<() => void>();
  waiting.set(socket, all);
  socket.once('close', () => {
    for (const over of [...all]) over();
  });
  return all;
}
