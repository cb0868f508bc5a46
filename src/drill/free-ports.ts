import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

/**
 * Ports of 127.0.0.1 that were free a moment ago. They are all different, because they were open at
 * the same time. Another program may take one before the server does. Therefore, after a failed
 * start, the caller must ask for ports again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
