import { EventStoreDBClient } from '@eventstore/db-client';
import { StreamsClient, StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { CallOptions, Channel, ClientReadableStream, Metadata } from '@grpc/grpc-js';

/** Members that are `protected` in the client, but that our calls on its channel need (6.2.1). */
interface ClientInside {
  GRPCStreamCreator<Call>(
    service: typeof StreamsClient,
    name: string,
    create: (service: StreamsClient) => Call,
  ): () => Promise<Call>;
  callArguments(base: object, call: Partial<CallOptions>): [Metadata, Partial<CallOptions>];
  getChannel(): Promise<Channel>;
  handleError(service: StreamsClient, error: Error): Promise<void>;
}

export const insideOf = (client: EventStoreDBClient): ClientInside =>
  client as unknown as ClientInside;

/**
 * A client that is not connected yet. It also sends the URL's credentials to an event store on this
 * machine without TLS. The official client sends them only over TLS, and silently drops them if the
 * URL says tls=false. On this machine, nobody can listen to the connection. With credentials per
 * call, the client would append by unary calls; with these credentials it does not.
 * @throws Error when the connection string cannot be understood
 */
export function createClient(url: string): EventStoreDBClient {
  const local = localCredentials(url);
  const client = EventStoreDBClient.connectionString(local?.url ?? url);
  if (local === undefined) return client;
  const inside = insideOf(client);
  const { callArguments } = inside;
  inside.callArguments = (base, call) => {
    const [metadata, options] = callArguments(base, call);
    metadata.set('authorization', local.authorization);
    return [metadata, options];
  };
  return client;
}

/**
 * Opens a call that reads. The caller's own decoder decodes each message, because the client's
 * generated classes and its conversion take several times as long. It has no deadline, because it
 * may be a subscription.
 */
export function openReadCall<Message>(
  client: EventStoreDBClient,
  request: ReadReq,
  decode: (bytes: Buffer) => Message,
): Promise<ClientReadableStream<Message>> {
  const inside = insideOf(client);
  const { path, requestSerialize } = StreamsService.read;
  return inside.GRPCStreamCreator(StreamsClient, 'read', (service) => {
    const [metadata, options] = inside.callArguments({}, { deadline: Infinity });
    return service.makeServerStreamRequest(
      path,
      requestSerialize,
      decode,
      request,
      metadata,
      options,
    );
  })();
}

/** The connection string without its credentials, and the header with them. */
interface LocalCredentials {
  readonly url: string;
  readonly authorization: string;
}

const loopback = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/**
 * @returns undefined if the client can handle it: without credentials, with TLS, or for another
 * machine
 */
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
