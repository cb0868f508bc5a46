import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP way to a port of this machine that fails as networks, and addresses that move, do. */
export interface Relay {
  readonly port: number;
  /** Connections that exist carry nothing any more, and stay open; new ones work. */
  freeze(): void;
  /** Connections that exist are cut, and new ones lead to another port. */
  lead(port: number): void;
  stop(): Promise<void>;
}

export async function startRelay(target: number): Promise<Relay> {
  let to = target;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    freeze() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    lead(port) {
      to = port;
      cut();
    },
    async stop() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
