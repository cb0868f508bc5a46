import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * A proxy before a node that can stop to transfer data, as a broken network does, without closing
 * connections.
 */
export interface CuttableProxy {
  readonly port: number;
  /** The port of the node; until it is set, connections are refused. */
  target: number | undefined;
  /** Connections that are open now. */
  readonly connections: number;
  /**
   * Stops all transfer: open connections stay open, and new ones get no answer.
   */
  cut(): void;
  /**
   * Closes the connections that were stopped, as routers and systems do in the end; new ones work.
   */
  mend(): void;
  stop(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1. */
export async function startProxy(): Promise<CuttableProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    keep(near);
    if (isCut) return;
    if (proxy.target === undefined) return void near.destroy();
    const far = connect(proxy.target, '127.0.0.1');
    keep(far);
    near.pipe(far).pipe(near);
    near.on('close', () => isCut || far.destroy());
    far.on('close', () => isCut || near.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = {
    port: (server.address() as AddressInfo).port,
    target: undefined as number | undefined,
    get connections() {
      return Math.floor(sockets.size / 2);
    },
    cut() {
      isCut = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    mend() {
      isCut = false;
      for (const socket of sockets) socket.destroy();
    },
    async stop() {
      proxy.mend();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}
