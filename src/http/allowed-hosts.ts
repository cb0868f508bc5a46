import type { Config } from '../config.ts';

/** What a browser on the same machine may call a service that listens on loopback. */
const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

/** May a request name this in its Host header? */
export type AllowsHost = (host: string) => boolean;

/**
 * Which Host headers are answered. A page of any site can have its own name point to 127.0.0.1 and
 * then read what a service there answers (DNS rebinding), so a service on loopback answers to the
 * names of loopback and to ALLOWED_HOSTS alone. Elsewhere every name is answered unless
 * ALLOWED_HOSTS is set.
 */
export function allowedHosts({
  host,
  allowedHosts: given,
}: Pick<Config, 'host' | 'allowedHosts'>): AllowsHost {
  if (given.includes('*') || (given.length === 0 && !isLoopback(host))) return () => true;
  const own = host.includes(':') ? `[${host}]` : host;
  const names = new Set([...loopbackNames, own, ...given].map((name) => name.toLowerCase()));
  // Nearly all requests name the same.
  let last: string | undefined;
  return (named) => {
    if (named === last) return true;
    const isAllowed = names.has(withoutPort(named.toLowerCase()));
    if (isAllowed) last = named;
    return isAllowed;
  };
}

const withoutPort = (host: string): string => host.replace(/:[0-9]*$/, '');
