import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

/** A certificate and its key, in PEM. */
export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/**
 * A TCP relay to a port of this machine. It can fail like a network, or like an address that moves.
 */
export interface Relay {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Existing connections stay open, but carry no more data. New ones work. */
  freeze(): void;
  /** Existing connections are closed, and new ones lead to this port, or to another. */
  lead(port?: number): void;
  /** Existing connections are closed, and new ones are refused. */
  cut(): Promise<void>;
  /** New ones work again. */
  mend(): Promise<void>;
  stop(): Promise<void>;
}

/** @param pair with it, clients must use TLS; the target does not use TLS */
export async function startRelay(target: number, pair?: KeyPair): Promise<Relay> {
  let to = target;
  const sockets = new Set<Socket>();
  const pass = (near: Socket) => {
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
  };
  const server =
    pair === undefined
      ? createServer(pass)
      : createTlsServer({ ...pair, ALPNProtocols: ['h2'] }, pass);
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const end = () => {
    for (const socket of sockets) socket.destroy();
  };
  const cut = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    end();
    await closed;
  };
  return {
    port,
    freeze() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    lead(other = to) {
      to = other;
      end();
    },
    cut,
    mend: () => listen(port),
    stop: cut,
  };
}

/** The URL with the relay's address in place of the server's. */
export function throughRelay(url: string, { port }: Pick<Relay, 'port'>): string {
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String(port);
  return through.href;
}
