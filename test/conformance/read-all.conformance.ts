import {
  type AllStreamResolvedEvent,
  BACKWARDS,
  END,
  type EventStoreDBClient,
  type Position,
  type ReadAllOptions,
} from '@eventstore/db-client';
import { expect } from 'chai';
import { collect, events, idsOf, positionOf, recorded, unique } from './support/client.ts';
import { useSubject } from './support/suite.ts';

/**
 * On a shared log others may write between our events: how many of theirs a search passes before it
 * gives up.
 */
const othersMax = 10_000;

describe('conformance: read $all', () => {
  const subject = useSubject();
  const stream = unique('read-all');
  const written = events(50);
  const ids = idsOf(written);

  before(async () => {
    await subject.client.appendToStream(stream, written, { expectedRevision: 'no_stream' });
  });

  it('35 $all forwards includes the event at its start', async () => {
    const { client } = subject;
    const mine = recorded(await collect(client.readStream(stream)));
    const from = mine[20]?.position as Position;
    const [first] = await collect(client.readAll({ fromPosition: from, maxCount: 1 }));
    expect(first?.event).to.deep.equal(mine[20]);
    expect(first?.commitPosition).to.equal(from.commit);
    const found = await find(client, { fromPosition: from }, stream, 30);
    expect(idsRead(found)).to.deep.equal(ids.slice(20));
  });

  it('36 $all backwards excludes the event at its start', async () => {
    const { client } = subject;
    const mine = recorded(await collect(client.readStream(stream)));
    const from = mine[20]?.position as Position;
    const backwards = await find(client, { fromPosition: from, direction: BACKWARDS }, stream, 20);
    expect(idsRead(backwards)).to.deep.equal(ids.slice(0, 20).reverse());
    // From the end the newest event is included: nothing is written there yet.
    const newest = await client.appendToStream(unique('newest'), events(1));
    const [last] = await collect(
      client.readAll({ fromPosition: END, direction: BACKWARDS, maxCount: 1 }),
    );
    expect(last?.event?.position.commit).to.satisfy((at: bigint) => at >= positionOf(newest));
  });

  it('36 pages of $all join without a gap or a double, both ways', async () => {
    const { client } = subject;
    const mine = recorded(await collect(client.readStream(stream)));
    const [first, last] = [mine[0]?.position as Position, mine[49]?.position as Position];
    const whole = await pagesBetween(client, first, last, 1_000);
    expect(await pagesBetween(client, first, last, 7)).to.deep.equal(whole);
    expect(whole.filter((id) => ids.includes(id))).to.deep.equal(ids);
    const back: AllStreamResolvedEvent[] = [];
    let from = last;
    while (from.commit > first.commit) {
      const options = { fromPosition: from, direction: BACKWARDS, maxCount: 7 } as const;
      const page: AllStreamResolvedEvent[] = await collect(client.readAll(options));
      back.push(...page);
      from = page.at(-1)?.event?.position as Position;
    }
    const backIds = idsRead(back).slice(0, whole.length - 1);
    expect(backIds).to.deep.equal(whole.slice(0, -1).reverse());
  });

  it('37 $$ metadata events are in $all', async () => {
    const { client } = subject;
    const owner = unique('with-metadata');
    const start = positionOf(await client.appendToStream(owner, events(1)));
    const set = positionOf(await client.setStreamMetadata(owner, { maxCount: 3, color: 'blue' }));
    const fromPosition = { commit: start, prepare: start };
    const [found] = await find(client, { fromPosition }, `$$${owner}`, 1);
    expect(found?.event).to.deep.include({
      streamId: `$$${owner}`,
      type: '$metadata',
      revision: 0n,
      isJson: true,
      data: { $maxCount: 3, color: 'blue' },
      position: { commit: set, prepare: set },
    });
  });
});

function idsRead(read: Parameters<typeof recorded>[0]): string[] {
  return recorded(read).map(({ id }) => id);
}

/**
 * The first `count` events of `stream` in `$all`, which others may write to. It reads to the end of
 * its page: a read that is left half way keeps its call, and can keep the client's `dispose`
 * waiting for ever.
 */
async function find(
  client: EventStoreDBClient,
  options: ReadAllOptions,
  stream: string,
  count: number,
): Promise<AllStreamResolvedEvent[]> {
  const page = await collect(client.readAll({ ...options, maxCount: othersMax }));
  return page.filter(({ event }) => event?.streamId === stream).slice(0, count);
}

/** The ids in `$all` from `first` to `last`, both included, read `maxCount` at a time. */
async function pagesBetween(
  client: EventStoreDBClient,
  first: Position,
  last: Position,
  maxCount: number,
): Promise<string[]> {
  const ids: string[] = [];
  let fromPosition = first;
  for (let page = 0; ; page++) {
    const read = recorded(await collect(client.readAll({ fromPosition, maxCount })));
    const fresh = page === 0 ? read : read.slice(1);
    if (fresh.length === 0) throw new Error(`$all ended before ${last.commit}`);
    for (const event of fresh) {
      ids.push(event.id);
      if (event.position?.commit === last.commit) return ids;
    }
    fromPosition = read.at(-1)?.position as Position;
  }
}
