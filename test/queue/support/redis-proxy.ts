import net, { type AddressInfo, type Socket } from 'node:net';

/** A relay before a real Redis that can hang or go away, as a network does. */
export interface RedisProxy {
  /** The server's URL, through the relay. */
  readonly url: string;
  /** Bytes stop, connections stay: the server is silent. */
  silence(): void;
  /** The connections there are hang for good, new ones work: the other end forgot them. */
  strand(): void;
  /** Connections break and new ones are refused. */
  down(): Promise<void>;
  /** As before, on the same port. */
  up(): Promise<void>;
  close(): Promise<void>;
}

export async function startRedisProxy(redisUrl: string): Promise<RedisProxy> {
  const target = new URL(redisUrl);
  const sockets = new Set<Socket>();
  let silent = false;
  const server = net.createServer((near) => {
    const far = net.connect(Number(target.port || 6379), target.hostname);
    for (const [from, to] of [[near, far] as const, [far, near] as const]) {
      sockets.add(from);
      if (silent) from.pause();
      from.on('data', (bytes) => to.write(bytes));
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const near = new URL(redisUrl);
  near.hostname = '127.0.0.1';
  near.port = String(port);
  return {
    url: near.href,
    silence() {
      silent = true;
      for (const socket of sockets) socket.pause();
    },
    strand() {
      for (const socket of sockets) socket.pause();
    },
    down: close,
    async up() {
      silent = false;
      for (const socket of sockets) socket.resume();
      if (!server.listening) await listen(port);
    },
    close,
  };
}
