import { EventStoreDBClient } from '@eventstore/db-client';
import type { CallOptions, Metadata } from '@grpc/grpc-js';

/** What the client keeps `protected`, and makes each call's headers with (6.2.1). */
interface ClientInside {
  callArguments(base: object, call: Partial<CallOptions>): [Metadata, Partial<CallOptions>];
}

/**
 * A client that is not connected yet, and that sends the URL's credentials to an event store on this machine as well. The
 * official one sends them over TLS alone, and drops them without a word where the URL says tls=false; on this machine there
 * is no line that somebody could listen on. They are no reason for it to append by unary calls, as credentials of a call are.
 * @throws Error when the connection string cannot be understood
 */
export function createClient(url: string): EventStoreDBClient {
  const local = localCredentials(url);
  const client = EventStoreDBClient.connectionString(local?.url ?? url);
  if (local === undefined) return client;
  const inside = client as unknown as ClientInside;
  const { callArguments } = inside;
  inside.callArguments = (base, call) => {
    const [metadata, options] = callArguments(base, call);
    metadata.set('authorization', local.authorization);
    return [metadata, options];
  };
  return client;
}

/** The connection string without its credentials, and the header that carries them. */
interface LocalCredentials {
  readonly url: string;
  readonly authorization: string;
}

const loopback = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/** @returns undefined for what is left to the client: no credentials, TLS, or another machine */
function localCredentials(url: string): LocalCredentials | undefined {
  const [, scheme = '', user = '', password = '', hosts = '', rest = ''] =
    /^(esdb(?:\+discover)?:\/\/)([^:@/?]+):([^@/?]+)@([^/?]+)(.*)$/i.exec(url) ?? [];
  const tls = new URLSearchParams(rest.toLowerCase().replace(/^.*?\?/, '')).get('tls');
  if (tls !== 'false' || !hosts.split(',').every((host) => loopback.test(host))) return undefined;
  const plain = `${decodeURIComponent(user)}:${decodeURIComponent(password)}`;
  return {
    url: scheme + hosts + rest,
    authorization: `Basic ${Buffer.from(plain).toString('base64')}`,
  };
}
