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
  /** Ends of connections that are open now: two of each that has reached its target. */
  readonly ends: number;
  /** Existing connections stay open, but carry no more data. New ones work. */
  freeze(): void;
  /** As `freeze`; new connections are accepted, and carry nothing either. */
  silence(): void;
  /** Existing connections are closed, and new ones lead to this port, or to another. */
  lead(port?: number): void;
  /** Existing connections are closed, and new ones are refused. */
  cut(): Promise<void>;
  /**
   * After `cut` and `silence`, new connections work again. Connections that carried nothing break,
   * because routers and systems end them after some time.
   */
  mend(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * @param target undefined: connections are refused until `lead` names it
 * @param pair with it, clients must use TLS; the target does not use TLS
 */
export async function startRelay(target: number | undefined, pair?: KeyPair): Promise<Relay> {
  let to = target;
  let isSilent = false;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket, onEnd: () => void) => {
    sockets.add(socket);
    socket.on('error', onEnd);
    socket.on('close', () => {
      sockets.delete(socket);
      onEnd();
    });
  };
  const pass = (near: Socket) => {
    if (to === undefined) return void near.destroy();
    if (isSilent) return keep(near.pause(), () => {});
    const far = connect(to, '127.0.0.1');
    // While no data passes, neither side notices that the other side has closed.
    keep(near, () => isSilent || far.destroy());
    keep(far, () => isSilent || near.destroy());
    near.pipe(far).pipe(near);
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
    isSilent = false;
    for (const socket of sockets) socket.destroy();
  };
  const freeze = () => {
    for (const socket of sockets) socket.unpipe().pause();
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
    get ends() {
      return sockets.size;
    },
    freeze,
    silence() {
      isSilent = true;
      freeze();
    },
    lead(other = to) {
      to = other;
      end();
    },
    cut,
    async mend() {
      if (isSilent) end();
      if (!server.listening) await listen(port);
    },
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
