import type { Config } from '../config.ts';

/** The names by which a browser on the same machine may call a service that listens on loopback. */
const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

/** May a request name this in its Host header? */
export type AllowsHost = (host: string) => boolean;

/**
 * Says which Host headers the service answers. The owner of any site can let its name point to
 * 127.0.0.1. A page of that site can then read the answers of a service there (DNS rebinding).
 * Therefore a service on loopback answers only to the names of loopback and to ALLOWED_HOSTS. Any
 * other service answers to every name, unless ALLOWED_HOSTS is set.
 */
export function allowedHosts({
  host,
  allowedHosts: given,
}: Pick<Config, 'host' | 'allowedHosts'>): AllowsHost {
  if (given.includes('*') || (given.length === 0 && !isLoopback(host))) return () => true;
  const own = host.includes(':') ? `[${host}]` : host;
  const names = new Set([...loopbackNames, own, ...given].map((name) => name.toLowerCase()));
  // Nearly all requests have the same Host.
  let last: string | undefined;
  return (named) => {
    if (named === last) return true;
    const isAllowed = names.has(withoutPort(named.toLowerCase()));
    if (isAllowed) last = named;
    return isAllowed;
  };
}

const withoutPort = (host: string): string => host.replace(/:[0-9]*$/, '');
