import { randomInt, randomUUID } from 'node:crypto';
import { type EventData, type EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { unary } from '../../conformance/support/client.ts';
import type { Attempt, Expected, Ledger } from './ledger.ts';

/** Writers that own a stream and say its revision; every second one appends by unary calls. */
const owners = 6;

/** Writers that share one stream and expect nothing. */
const sharers = 3;

/** Appends that each sharer keeps in flight. */
const sharedInFlight = 3;

/** Events of the largest ordinary append; one in twenty has a hundred. */
const eventsMax = 6;

/**
 * Appends to several streams at once until the server goes away, and writes every attempt and
 * answer into the ledger. Resolves when all writers have seen it go, with one error a writer.
 */
export async function writeUntilKilled(
  client: EventStoreDBClient,
  ledger: Ledger,
  round: string,
): Promise<unknown[]> {
  const writers: Promise<void>[] = [];
  for (let owner = 0; owner < owners; owner++) {
    writers.push(own(client, ledger, `crash-${round}-own-${owner}`, owner % 2 ? 'unary' : 'batch'));
  }
  for (let sharer = 0; sharer < sharers; sharer++) {
    for (let each = 0; each < sharedInFlight; each++) {
      writers.push(share(client, ledger, `crash-${round}-shared`, sharer % 2 ? 'unary' : 'batch'));
    }
  }
  const ends = await Promise.allSettled(writers);
  return ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
}

async function own(
  client: EventStoreDBClient,
  ledger: Ledger,
  stream: string,
  way: Attempt['way'],
): Promise<void> {
  let expected: Expected = 'no_stream';
  for (;;) {
    const attempt = ledger.begin({ stream, expected, way, events: someEvents() });
    await send(client, attempt);
    expected = attempt.answer?.revision ?? expected;
  }
}

async function share(
  client: EventStoreDBClient,
  ledger: Ledger,
  stream: string,
  way: Attempt['way'],
): Promise<void> {
  for (;;) {
    await send(client, ledger.begin({ stream, expected: 'any', way, events: someEvents() }));
  }
}

/** Sends an attempt, for the first time or again with the same ids, and writes its answer down. */
export async function send(client: EventStoreDBClient, attempt: Attempt): Promise<void> {
  const { nextExpectedRevision, position } = await client.appendToStream(
    attempt.stream,
    [...attempt.events],
    {
      ...(attempt.way === 'unary' ? unary.options : {}),
      expectedRevision: attempt.expected,
    },
  );
  if (position === undefined) throw new Error(`no position in the answer for ${attempt.stream}`);
  attempt.answer = { revision: nextExpectedRevision, position: position.commit };
}

function someEvents(): EventData[] {
  const count = randomInt(20) === 0 ? 100 : randomInt(1, eventsMax + 1);
  return Array.from({ length: count }, (_, index) =>
    jsonEvent({
      id: randomUUID(),
      type: 'Written',
      data: { index, of: count, filler: 'x'.repeat(randomInt(300)) },
    }),
  );
}
