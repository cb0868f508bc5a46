import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { httpLimits } from './limits.ts';

/** What listens on a port of its own. */
export interface Listener {
  /**
   * Starts to accept connections. Port 0 takes a free one.
   * @returns the port
   * @throws the system's error when the address cannot be taken
   */
  listen(port: number, host?: string): Promise<number>;

  /**
   * Accepts no more connections. Running requests may finish within `withinMs` (default `closeMs`);
   * then their connections end. A second call returns the result of the first call.
   */
  close(withinMs?: number): Promise<void>;
}

export function listen(server: Server, port: number, host: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // In a worker, the primary process opens a port for all workers. A free port is for one.
    const exclusive = port === 0;
    server.listen({ port, exclusive, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/**
 * Node closes idle connections once, when closing begins. This function closes connections that
 * become idle later.
 */
export function close(server: Server, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const sweep = setInterval(() => server.closeIdleConnections(), httpLimits.closeSweepMs);
    const cut = setTimeout(() => server.closeAllConnections(), withinMs);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(cut);
      resolve();
    });
  });
}
