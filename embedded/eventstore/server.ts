import { Faults } from './faults.ts';
import { EventLog } from './log/log.ts';
import { Writer } from './log/writer.ts';
import { append } from './rpc/append.ts';
import { batchAppend } from './rpc/batch-append.ts';
import { deleteStream, tombstoneStream } from './rpc/delete.ts';
import type { GrpcCall, RpcHandler } from './rpc/grpc-call.ts';
import { GrpcServer } from './rpc/grpc-server.ts';
import { gossip, supportedMethods } from './rpc/node-info.ts';
import { read } from './rpc/read.ts';
import { DEFAULT_LIMITS, type Limits, NO_HOOKS, type Service } from './rpc/service.ts';
import { writeFirstEvent } from './streams/birth.ts';
import { SubscriptionHub } from './subscriptions/hub.ts';
import { type CheckpointManner, DEFAULT_CHECKPOINTS } from './subscriptions/search.ts';

export interface ServerOptions extends Partial<Limits> {
  /** Where the log lives; made when missing. One server a directory. */
  readonly dataDirectory: string;
  /** Default 2113; 0 takes a free one. */
  readonly port?: number;
  /** Default 127.0.0.1: there is no TLS and nobody is authenticated. */
  readonly host?: string;
  /** Whose checkpoints filtered subscriptions to `$all` get where they catch up. */
  readonly checkpoints?: CheckpointManner;
  /** Lets tests order faults (faults.ts). Default false. */
  readonly faults?: boolean;
}

export interface RunningServer {
  /** A connection string for `@eventstore/db-client`. */
  readonly url: string;
  readonly port: number;
  /** With `faults` only. */
  readonly faults?: Faults;
  stats(): ServerStats;
  /** Ends open calls with CANCELLED and closes the log; within a second. */
  stop(): Promise<void>;
}

/** What goes on in the server at this moment. */
export interface ServerStats {
  readonly subscriptions: number;
  readonly calls: number;
  readonly connections: number;
}

const STREAMS = '/event_store.client.streams.Streams';
const DEFAULT_PORT = 2113;
const DEFAULT_HOST = '127.0.0.1';

/** @throws StorageError when the data directory cannot be used, an ordinary error when the port cannot. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const log = new EventLog(options.dataDirectory);
  const hub = new SubscriptionHub();
  const writer = new Writer(log, (events) => hub.publish(events));
  const limits: Limits = {
    maxAppendBytes: options.maxAppendBytes ?? DEFAULT_LIMITS.maxAppendBytes,
    writeTimeoutMs: options.writeTimeoutMs ?? DEFAULT_LIMITS.writeTimeoutMs,
  };
  const { checkpoints = DEFAULT_CHECKPOINTS } = options;
  const faults = options.faults ? new Faults(() => grpc.cutConnections()) : undefined;
  const grpc: GrpcServer = new GrpcServer(
    routes({ log, writer, hub, limits, hooks: faults ?? NO_HOOKS, checkpoints }),
    faults && ((call, proceed) => (isWrite(call) ? proceed() : faults.beforeCall(call, proceed))),
  );
  const host = options.host ?? DEFAULT_HOST;
  let port: number;
  try {
    if (log.head < 0) await writeFirstEvent(writer);
    port = await grpc.listen(host, options.port ?? DEFAULT_PORT);
  } catch (error) {
    await writer.close();
    await log.close();
    throw error;
  }
  return {
    url: `esdb://${host}:${port}?tls=false`,
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

/** Paths of the calls whose faults strike where they write. */
const WRITES: ReadonlySet<unknown> = new Set(
  ['Append', 'BatchAppend', 'Delete', 'Tombstone'].map((method) => `${STREAMS}/${method}`),
);

function isWrite(call: GrpcCall): boolean {
  return WRITES.has(call.headers[':path']);
}

function routes(service: Service): ReadonlyMap<string, RpcHandler> {
  const routes = new Map<string, RpcHandler>([
    [`${STREAMS}/Read`, (call) => read(service, call)],
    [`${STREAMS}/Append`, (call) => append(service, call)],
    [`${STREAMS}/BatchAppend`, (call) => batchAppend(service, call)],
    [`${STREAMS}/Delete`, deleteStream(service)],
    [`${STREAMS}/Tombstone`, tombstoneStream(service)],
    ['/event_store.client.gossip.Gossip/Read', gossip()],
  ]);
  const features = '/event_store.client.server_features.ServerFeatures/GetSupportedMethods';
  routes.set(features, supportedMethods([...routes.keys(), features], service.checkpoints));
  return routes;
}
