import { ServerFeaturesClient } from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsPb, {
  type ReadReq,
  type ReadResp,
} from '@eventstore/db-client/generated/streams_pb.js';
import {
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import { eventually } from '../../support/eventually.ts';

const { Options } = streamsPb.ReadReq;
const { Position } = Options;

/** The place of an event or a checkpoint, as the protocol has it. */
export interface Place {
  readonly commit: bigint;
  readonly prepare: bigint;
}

/**
 * A call that reads or subscribes, without the client's classes between: every message, in order.
 */
export class RawCall {
  readonly messages: ReadResp[] = [];
  status: StatusObject | undefined;
  readonly #call: ClientReadableStream<ReadResp>;

  constructor(call: ClientReadableStream<ReadResp>) {
    this.#call = call;
    call.on('data', (message: ReadResp) => this.messages.push(message));
    call.on('status', (status) => {
      this.status = status;
    });
    call.on('error', () => {}); // `status` has it
  }

  /** What came so far: checkpoints and events with their places, everything else by name. */
  get steps(): string[] {
    return this.messages.map((message) => {
      const checkpoint = message.getCheckpoint();
      if (checkpoint)
        return `checkpoint ${checkpoint.getCommitPosition()}/${checkpoint.getPreparePosition()}`;
      const event = message.getEvent()?.getEvent();
      if (event) return `event ${event.getCommitPosition()}/${event.getPreparePosition()}`;
      return eventNames.get(message.getContentCase()) ?? 'other';
    });
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    await eventually(`${what}: ${this.steps.slice(-5)}`, () => condition() || this.status, 10_000);
    if (!condition()) throw new Error(`ended before ${what}: ${this.status?.details}`);
  }

  async caughtUp(): Promise<void> {
    await this.until('caught up', () => this.steps.includes('caught-up'));
  }

  async count(events: number): Promise<void> {
    await this.until(
      `${events} events`,
      () => this.messages.filter((message) => message.hasEvent()).length >= events,
    );
  }

  async ended(): Promise<StatusObject> {
    return eventually('the end of the call', () => this.status, 10_000);
  }

  cancel(): void {
    this.#call.cancel();
  }
}

const { ContentCase } = streamsPb.ReadResp;
const eventNames = new Map<number, string>([
  [ContentCase.CONFIRMATION, 'confirmation'],
  [ContentCase.CAUGHT_UP, 'caught-up'],
  [ContentCase.STREAM_NOT_FOUND, 'not-found'],
  [ContentCase.FIRST_STREAM_POSITION, 'first-position'],
  [ContentCase.LAST_STREAM_POSITION, 'last-position'],
]);

/**
 * The protocol itself, for what the client never sends or does not show. Needs a server without
 * TLS.
 */
export class RawClient {
  readonly streams: StreamsClient;
  readonly #features: ServerFeaturesClient;

  constructor(url: string) {
    const host = new URL(url.replace(/^esdb(\+discover)?:/, 'http:')).host;
    this.streams = new StreamsClient(host, credentials.createInsecure());
    this.#features = new ServerFeaturesClient(host, credentials.createInsecure());
  }

  read(request: ReadReq): RawCall {
    return new RawCall(this.streams.read(request, new Metadata()));
  }

  /** The version that the server says it has, such as "24.10.4". */
  version(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#features.getSupportedMethods(
        new sharedPb.Empty(),
        (error: ServiceError | null, methods) =>
          error === null ? resolve(methods.getEventStoreServerVersion()) : reject(error),
      );
    });
  }

  /** The same as a number to compare: 241004 for 24.10.4. */
  async release(): Promise<number> {
    const [major = 0, minor = 0, patch = 0] = (await this.version())
      .split('.')
      .map(Number.parseFloat);
    return major * 10_000 + minor * 100 + patch;
  }

  close(): void {
    this.streams.close();
    this.#features.close();
  }
}

/** A read of or a subscription to `$all`; change the options that the case is about. */
export function readAllRequest(
  from: Place | 'start' | 'end',
  change: (options: ReadReq.Options) => void,
): ReadReq {
  const all = new Options.AllOptions();
  if (from === 'start') all.setStart(new sharedPb.Empty());
  else if (from === 'end') all.setEnd(new sharedPb.Empty());
  else {
    const position = new Position();
    position.setCommitPosition(from.commit.toString());
    position.setPreparePosition(from.prepare.toString());
    all.setPosition(position);
  }
  return request((options) => {
    options.setAll(all);
    change(options);
  });
}

export function readStreamRequest(
  stream: string,
  change: (options: ReadReq.Options) => void,
): ReadReq {
  const named = new Options.StreamOptions();
  const identifier = new sharedPb.StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream).toString('base64'));
  named.setStreamIdentifier(identifier);
  named.setStart(new sharedPb.Empty());
  return request((options) => {
    options.setStream(named);
    change(options);
  });
}

function request(change: (options: ReadReq.Options) => void): ReadReq {
  const uuids = new Options.UUIDOption();
  uuids.setString(new sharedPb.Empty());
  const options = new Options();
  options.setUuidOption(uuids);
  options.setNoFilter(new sharedPb.Empty());
  change(options);
  const made = new streamsPb.ReadReq();
  made.setOptions(options);
  return made;
}

/** A filtered subscription to `$all`, with a checkpoint after each window of 32 events. */
export function subscribeRequest(from: Place | 'start' | 'end', prefix: string): ReadReq {
  return readAllRequest(from, (options) => {
    const names = new Options.FilterOptions.Expression();
    names.setPrefixList([prefix]);
    const filter = new Options.FilterOptions();
    filter.setStreamIdentifier(names);
    filter.setCount(new sharedPb.Empty());
    filter.setCheckpointintervalmultiplier(1);
    options.setFilter(filter);
    options.setSubscription(new Options.SubscriptionOptions());
  });
}

/** Two signed 64-bit numbers as a UUID. */
export function uuidText(high: string, low: string): string {
  const hex = [high, low]
    .map((half) => BigInt.asUintN(64, BigInt(half)).toString(16).padStart(16, '0'))
    .join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
