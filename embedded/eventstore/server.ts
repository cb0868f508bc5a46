import { setTimeout as delay } from 'node:timers/promises';
import { credentialCheck, userName } from './credentials.ts';
import { Faults } from './faults.ts';
import { EventLog } from './log/log.ts';
import { StorageInUse } from './log/storage.ts';
import { Writer } from './log/writer.ts';
import { append } from './rpc/append.ts';
import { batchAppend } from './rpc/batch-append.ts';
import { deleteStream, tombstoneStream } from './rpc/delete.ts';
import { type GrpcCall, type RpcHandler, Status } from './rpc/grpc-call.ts';
import { GrpcServer, type Interceptor } from './rpc/grpc-server.ts';
import { image, imagePath } from './rpc/image.ts';
import { gossip, supportedMethods } from './rpc/node-info.ts';
import { read } from './rpc/read.ts';
import { defaultLimits, type Limits, noHooks, type Service } from './rpc/service.ts';
import { writeFirstEvent } from './streams/birth.ts';
import { SubscriptionHub } from './subscriptions/hub.ts';
import { type CheckpointManner, defaultCheckpoints } from './subscriptions/search.ts';

export interface ServerOptions extends Partial<Limits> {
  /** The directory of the log. It is created if it is missing. Only one server may use it. */
  readonly dataDirectory: string;
  /** Default 2113; 0 takes a free port. */
  readonly port?: number;
  /** Longest wait for a port that is in use, in milliseconds. Default 0. */
  readonly portWaitMs?: number;
  /** Default 127.0.0.1: there is no TLS. */
  readonly host?: string;
  /**
   * The server version whose checkpoints a filtered subscription to `$all` gets at the end of its
   * catch-up.
   */
  readonly checkpoints?: CheckpointManner;
  /**
   * The password that calls to streams must send as Basic credentials of the user `service`.
   * Default: none is needed.
   */
  readonly password?: string;
  /** Stops a start that waits. */
  readonly signal?: AbortSignal;
  /** Accepts faults from tests (faults.ts). Default false. */
  readonly faults?: boolean;
}

export interface RunningServer {
  /** A connection string for `@eventstore/db-client`, with the credentials. */
  readonly url: string;
  readonly port: number;
  /** With `faults` only. */
  readonly faults?: Faults;
  stats(): ServerStats;
  /** Ends open calls with CANCELLED and closes the log; within a second. */
  stop(): Promise<void>;
}

/** The current number of subscriptions, calls and connections. */
export interface ServerStats {
  readonly subscriptions: number;
  readonly calls: number;
  readonly connections: number;
}

const streamsService = '/event_store.client.streams.Streams';
const defaultPort = 2113;
const defaultHost = '127.0.0.1';
/** A server whose parent was killed releases its directory within this time. */
const predecessorMs = 5_000;
const pollMs = 50;

/**
 * @throws StorageError when the data directory cannot be used, an ordinary error when the port
 *   cannot.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { signal, password } = options;
  const log = await patiently(
    () => new EventLog(options.dataDirectory),
    (error) => error instanceof StorageInUse,
    { ms: predecessorMs, signal },
  );
  const hub = new SubscriptionHub();
  const writer = new Writer(log, (events) => hub.publish(events));
  const limits: Limits = {
    maxAppendBytes: options.maxAppendBytes ?? defaultLimits.maxAppendBytes,
    writeTimeoutMs: options.writeTimeoutMs ?? defaultLimits.writeTimeoutMs,
  };
  const { checkpoints = defaultCheckpoints } = options;
  const faults = options.faults ? new Faults(() => grpc.cutConnections()) : undefined;
  const grpc: GrpcServer = new GrpcServer(
    routes(
      { log, writer, hub, limits, hooks: faults ?? noHooks, checkpoints },
      password !== undefined,
    ),
    interceptor(password, faults),
  );
  const host = options.host ?? defaultHost;
  let port: number;
  try {
    if (log.head < 0) await writeFirstEvent(writer);
    port = await patiently(
      () => grpc.listen(host, options.port ?? defaultPort),
      (error) => (error as NodeJS.ErrnoException).code === 'EADDRINUSE',
      { ms: options.portWaitMs ?? 0, signal },
    );
  } catch (error) {
    await writer.close();
    await log.close();
    throw error;
  }
  return {
    url: `esdb://${password === undefined ? '' : `${userName}:${password}@`}${host}:${port}?tls=false`,
    port,
    ...(faults ? { faults } : {}),
    stats: () => ({ subscriptions: hub.size, ...grpc.load }),
    async stop() {
      await writer.close();
      await grpc.stop();
      await log.close();
    },
  };
}

/**
 * Tries again for this long after temporary errors.
 * @throws the last error, or the signal's reason
 */
async function patiently<T>(
  attempt: () => T | Promise<T>,
  passes: (error: unknown) => boolean,
  { ms, signal }: { readonly ms: number; readonly signal: AbortSignal | undefined },
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!passes(error) || performance.now() >= deadline) throw error;
    }
    await delay(pollMs);
  }
}

/**
 * The checks of a call before its handler. The description of the node and its features need no
 * password.
 */
function interceptor(
  password: string | undefined,
  faults: Faults | undefined,
): Interceptor | undefined {
  if (password === undefined && faults === undefined) return undefined;
  const isAuthenticated = password === undefined ? () => true : credentialCheck(password);
  return (call, proceed) => {
    const path = call.headers[':path'];
    const isOfLog = path?.startsWith(`${streamsService}/`) === true || path === imagePath;
    if (isOfLog && !isAuthenticated(call.headers.authorization)) {
      call.end(Status.unauthenticated, 'UnAuthenticated');
    } else if (faults === undefined || isWrite(call)) proceed();
    else faults.beforeCall(call, proceed);
  };
}

/** Paths of the calls whose faults take effect at their write. */
const writes: ReadonlySet<unknown> = new Set(
  ['Append', 'BatchAppend', 'Delete', 'Tombstone'].map((method) => `${streamsService}/${method}`),
);

function isWrite(call: GrpcCall): boolean {
  return writes.has(call.headers[':path']);
}

function routes(service: Service, isGuarded: boolean): ReadonlyMap<string, RpcHandler> {
  const routes = new Map<string, RpcHandler>([
    [`${streamsService}/Read`, (call) => read(service, call)],
    [`${streamsService}/Append`, (call) => append(service, call)],
    [`${streamsService}/BatchAppend`, (call) => batchAppend(service, call)],
    [`${streamsService}/Delete`, deleteStream(service)],
    [`${streamsService}/Tombstone`, tombstoneStream(service)],
    ['/event_store.client.gossip.Gossip/Read', gossip()],
  ]);
  const features = '/event_store.client.server_features.ServerFeatures/GetSupportedMethods';
  routes.set(features, supportedMethods([...routes.keys(), features], service.checkpoints));
  routes.set(imagePath, image(service, isGuarded));
  return routes;
}
