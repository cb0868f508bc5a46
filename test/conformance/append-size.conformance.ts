import {
  BACKWARDS,
  binaryEvent,
  END,
  type EventData,
  type EventStoreDBClient,
  MaxAppendSizeExceededError,
} from '@eventstore/db-client';
import { expect } from 'chai';
import {
  bothWays,
  collect,
  events,
  expectError,
  expectNotFound,
  idsIn,
  idsOf,
  readEvents,
  rejection,
  unique,
} from './support/client.ts';
import { RawClient } from './support/raw.ts';
import { isReal, useSubject } from './support/suite.ts';

const embeddedLimit = 1_048_576;

/**
 * An event whose size, as the limit counts it, is `bytes`: data, metadata and the type twice (it is
 * UTF-16 there).
 */
function eventOfSize(bytes: number, metadata?: Uint8Array, type = 'Sized'): EventData {
  const data = new Uint8Array(bytes - 2 * type.length - (metadata?.length ?? 0)).fill(7);
  return binaryEvent({ type, data, ...(metadata && { metadata }) });
}

/** An event with so many bytes of data. */
const dataOf = (bytes: number): EventData =>
  binaryEvent({ type: 'Sized', data: new Uint8Array(bytes).fill(7) });

/** Before 24.10 the limit is on the data alone. */
async function countsDataAlone(url: string): Promise<boolean> {
  const raw = new RawClient(url);
  try {
    return (await raw.release()) < 241_000;
  } finally {
    raw.close();
  }
}

/**
 * A real server may have another limit, by its version or its settings: an append above it tells.
 */
async function limitOf(client: EventStoreDBClient): Promise<number> {
  if (!isReal) return embeddedLimit;
  // The largest last: a busy server takes longer for it than its own 2 s for a batch append.
  for (const bytes of [2_200_000, 8_400_000, 16_700_000]) {
    const append = client.appendToStream(unique('probe'), eventOfSize(bytes));
    const error = await append.then(
      () => undefined,
      (refused: unknown) => refused,
    );
    if (error === undefined) continue;
    expectError(error, MaxAppendSizeExceededError);
    return error.maxAppendSize;
  }
  throw new Error('the server has no limit that its clients can reach');
}

describe('conformance: append, size', () => {
  const subject = useSubject();

  it('16 2,000 events in 1 KB chunks → one append, seen whole or not at all', async function () {
    this.timeout(60_000);
    const { client, other } = subject;
    const stream = unique('chunks');
    const blocks = [events(2_000), events(2_000)] as const;
    const appends = Promise.all([
      client.appendToStream(stream, blocks[0], { batchAppendSize: 1_024 }),
      other.appendToStream(stream, blocks[1], { batchAppendSize: 1_024 }),
    ]);
    let done = false;
    const seen = new Set<number>();
    const watching = (async () => {
      while (!done) seen.add(await lengthOf(other, stream));
    })();
    const answers = await appends.finally(() => {
      done = true;
    });
    await watching;
    for (const length of seen) expect(length).to.be.oneOf([0, 2_000, 4_000]);
    expect(answers.map((answer) => answer.nextExpectedRevision)).to.have.members([1_999n, 3_999n]);
    const inOrder = answers[0].nextExpectedRevision === 1_999n ? blocks : [blocks[1], blocks[0]];
    expect(await idsIn(client, stream)).to.deep.equal(idsOf(inOrder.flat()));
  });

  for (const { name, options } of bothWays) {
    it(`17 more than the limit → MaxAppendSizeExceeded with the number, nothing written (${name})`, async () => {
      const { client } = subject;
      const limit = await limitOf(client);
      const metadata = Uint8Array.from([0xff, 0xfe, 0xfd]);
      const more = (await countsDataAlone(subject.url))
        ? [[dataOf(limit + 1)], [dataOf(limit - 100), dataOf(101)]]
        : [
            [eventOfSize(limit + 1)],
            [eventOfSize(limit + 1, metadata)],
            [eventOfSize(limit - 100), eventOfSize(101)],
          ];
      for (const proposed of more) {
        const stream = unique('too-big');
        const error = await rejection(client.appendToStream(stream, proposed, options));
        expectError(error, MaxAppendSizeExceededError, { maxAppendSize: limit });
        await expectNotFound(client, stream);
      }
    });

    it(`18 exactly the limit → written (${name})`, async () => {
      const { client } = subject;
      const limit = await limitOf(client);
      const metadata = Uint8Array.from([0xff, 0xfe, 0xfd]);
      for (const proposed of [
        [eventOfSize(limit)],
        [eventOfSize(limit, metadata)],
        [eventOfSize(limit - 100), eventOfSize(100, undefined, '예약됨')],
      ]) {
        const stream = unique('just-fits');
        const answer = await client.appendToStream(stream, proposed, options);
        expect(answer.nextExpectedRevision).to.equal(BigInt(proposed.length - 1));
        const read = await readEvents(client, stream);
        expect(read.map(lengthOfData)).to.deep.equal(proposed.map(lengthOfData));
      }
    });
  }
});

function lengthOfData({ data }: { readonly data: unknown }): number {
  return (data as Uint8Array).length;
}

/** How many events a stream shows, told by its last one's revision; 0 when it is not there. */
async function lengthOf(client: EventStoreDBClient, stream: string): Promise<number> {
  const last = client.readStream(stream, { direction: BACKWARDS, fromRevision: END, maxCount: 1 });
  return collect(last).then(
    ([resolved]) => Number(resolved?.event?.revision) + 1,
    () => 0,
  );
}
