import { randomUUID } from 'node:crypto';
import {
  type AllStreamResolvedEvent,
  type AppendResult,
  type AppendToStreamOptions,
  type EventData,
  EventStoreDBClient,
  jsonEvent,
  type ResolvedEvent,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { expect } from 'chai';

/** How the client sends an append: on its one batch stream, or as a call of its own. */
export interface Way {
  readonly name: 'batch' | 'unary';
  readonly options: AppendToStreamOptions;
}

/** Without credentials of its own a call goes by BatchAppend. */
export const batch: Way = { name: 'batch', options: {} };

/** Credentials on the call force the client to the unary-stream Append. */
export const unary: Way = { name: 'unary', options: { credentials: credentialsToUse() } };

export const bothWays: readonly Way[] = [batch, unary];

function credentialsToUse(): { username: string; password: string } {
  const named = /:\/\/([^:@/]+):([^@/]+)@/.exec(process.env.EVENTSTORE_URL ?? '');
  const [, username = 'admin', password = 'changeit'] = named ?? [];
  return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
}

export function connect(url: string): EventStoreDBClient {
  return EventStoreDBClient.connectionString(url);
}

/** A stream name that no other test, run or user of a shared server has. */
export function unique(label: string): string {
  return `${label}-${randomUUID()}`;
}

/** `count` JSON events with new ids, numbered from `from` in their data. */
export function events(count: number, from = 0): EventData[] {
  return Array.from({ length: count }, (_, index) =>
    jsonEvent({
      id: randomUUID(),
      type: 'Happened',
      data: { number: from + index },
      metadata: { by: 'conformance' },
    }),
  );
}

export function idsOf(proposed: readonly EventData[]): string[] {
  return proposed.map(({ id }) => id);
}

export type Resolved = ResolvedEvent | AllStreamResolvedEvent;
export type Recorded = NonNullable<Resolved['event']>;

/** Everything a read returns, oldest or newest first as it was asked. */
export async function collect<T>(reading: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of reading) all.push(item);
  return all;
}

/**
 * The events of a read or a subscription, each of which must be there: no unresolved link among
 * them.
 */
export function recorded(resolved: readonly Resolved[]): Recorded[] {
  return resolved.map(({ event }) => {
    if (event === undefined) throw new Error('a broken link where an event was expected');
    return event;
  });
}

export async function readEvents(client: EventStoreDBClient, stream: string): Promise<Recorded[]> {
  return recorded(await collect(client.readStream(stream)));
}

export async function idsIn(client: EventStoreDBClient, stream: string): Promise<string[]> {
  return (await readEvents(client, stream)).map(({ id }) => id);
}

/** The commit position of an answer, which must have one, with commit equal to prepare. */
export function positionOf({ position }: { position?: AppendResult['position'] }): bigint {
  if (position === undefined) throw new Error('the answer has no position');
  expect(position.prepare, 'prepare equals commit').to.equal(position.commit);
  return position.commit;
}

/** What a promise was rejected with; fails the test when it was fulfilled. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, got ${describe(value)}`);
}

function describe(value: unknown): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner));
}

/** Checks an error's class and fields, named as the client names them. */
export function expectError<T extends Error>(
  error: unknown,
  // biome-ignore lint/complexity/noBannedTypes: the client's error classes have constructors of many shapes.
  errorClass: Function & { prototype: T },
  fields: Partial<T> = {},
): asserts error is T {
  expect(error).to.be.instanceOf(errorClass);
  for (const [name, value] of Object.entries(fields)) {
    expect((error as Record<string, unknown>)[name], name).to.equal(value);
  }
}

export async function expectWrongVersion(
  promise: Promise<unknown>,
  fields: Pick<WrongExpectedVersionError, 'streamName' | 'expectedVersion' | 'actualVersion'>,
): Promise<void> {
  expectError(await rejection(promise), WrongExpectedVersionError, fields);
}

export async function expectNotFound(client: EventStoreDBClient, stream: string): Promise<void> {
  const error = await rejection(collect(client.readStream(stream)));
  expectError(error, StreamNotFoundError, { streamName: stream });
}
