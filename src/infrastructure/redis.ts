import { Cluster, type CommonRedisOptions, Redis } from 'ioredis';
import { backoffMs } from '../support/backoff.ts';
import { isUntrusted } from './certificates.ts';

/** Without an option that the driver's types accept in one place and refuse in another. */
type ConnectionOptions = Omit<CommonRedisOptions, 'replyMapping'>;

/**
 * A connection to one Redis or to a Redis Cluster. Until it is closed, it always reconnects by
 * itself.
 */
export type RedisClient = Redis | Cluster;

/** Longest time to open a connection, in milliseconds. */
const connectMsMax = 1_000;
/**
 * If commands wait on a connection and nothing arrives for this long, the connection is closed. In
 * milliseconds.
 */
const silentMsMax = 2_000;
/** Pauses before reconnecting, in milliseconds. */
const reconnecting = { firstMs: 50, maxMs: 500, randomShare: 0.25 };
/** How often a cluster may redirect one command to another node. */
const redirectionsMax = 4;

/**
 * Connects in the background. Without a connection, every command fails at once. No command waits
 * in a queue of the client. No command is sent again after its result became unclear.
 *
 * @param url `redis://[user:password@]host[:port][/db]`, `rediss://…` for TLS, or
 *   `redis+cluster://[user:password@]host:port[,host:port…]` (`rediss+cluster://…`) for a cluster,
 *   of which some nodes are enough.
 * @param onError called for each failed connection, many times during an outage: sample before
 *   logging.
 * @throws when a cluster's URL names no node
 */
export function connectRedis(url: string, onError: (error: Error) => void): RedisClient {
  const options: ConnectionOptions = {
    // The newest protocol that every Redis supports. Nothing here needs a newer one.
    protocol: 2,
    connectTimeout: connectMsMax,
    socketTimeout: silentMsMax,
    keepAlive: 10_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: reconnectMs,
    // This Redis became a replica. Its address may already belong to the new master.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
  if (/^rediss?\+cluster:/.test(url)) {
    const cluster = connectCluster(url, options);
    cluster.on('+node', writeTogether);
    cluster.on('error', onError);
    return cluster;
  }
  const redis = new Redis(url, { ...options });
  writeTogether(redis);
  redis.on('error', onError);
  return redis;
}

/**
 * Sends the commands of one turn of the event loop in one write. A system call for each command
 * costs as much as the command itself, for the service and for Redis.
 */
function writeTogether(redis: Redis): void {
  redis.on('connect', () => {
    const { stream } = redis;
    const write = stream.write.bind(stream);
    let isCorked = false;
    stream.write = ((...args: Parameters<typeof write>) => {
      if (!isCorked) {
        isCorked = true;
        stream.cork();
        setImmediate(() => {
          isCorked = false;
          stream.uncork();
        });
      }
      return write(...args);
    }) as typeof stream.write;
  });
}

/**
 * Why a server refuses every connection with this URL; undefined for any other error that `onError`
 * of `connectRedis` gets. Such an error contains the password, so do not log all of it.
 */
export function whyRefused(error: Error): string | undefined {
  const { lastNodeError } = error as { lastNodeError?: Error };
  const { message } = lastNodeError ?? error;
  if (/^Unknown RESP type/.test(message))
    return 'what listens there does not speak Redis’s protocol';
  if (/cluster support disabled/.test(message)) return 'it is no cluster, and the URL says so';
  const { code = '' } = (lastNodeError ?? error) as NodeJS.ErrnoException;
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'it speaks no TLS, and the URL says rediss';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `its certificate is for other names: ${message}; use one of these names in the URL (the nodes of a cluster announce theirs)`;
  }
  if (isUntrusted(code)) {
    return `its certificate is not trusted (${message}); name its authority by NODE_EXTRA_CA_CERTS`;
  }
  return /^(WRONGPASS|NOAUTH|ERR invalid password|ERR DB index)/.test(message)
    ? message
    : undefined;
}

function connectCluster(url: string, options: ConnectionOptions): Cluster {
  const match = /^(rediss?)\+cluster:\/\/(?:([^@/]*)@)?([^@/]+)\/?$/.exec(url);
  if (match === null) throw new Error('REDIS_URL: redis+cluster://host:port[,host:port…] expected');
  const [, scheme, account, hosts] = match;
  const [username, password] = (account ?? '').split(':').map(decodeURIComponent);
  const nodes = (hosts as string).split(',').map((host) => `${scheme}://${host}`);
  return new Cluster(nodes, {
    enableOfflineQueue: false,
    maxRedirections: redirectionsMax,
    clusterRetryStrategy: reconnectMs,
    slotsRefreshTimeout: connectMsMax,
    // The client connects to nodes by the names in the URL and the cluster, because certificates
    // are for names.
    dnsLookup: (address, found) => found(null, address),
    redisOptions: {
      ...options,
      ...(username ? { username } : {}),
      ...(password ? { password } : {}),
      ...(scheme === 'rediss' ? { tls: {} } : {}),
    },
  });
}

function reconnectMs(times: number): number {
  return backoffMs(times, reconnecting);
}
