import {
  BACKWARDS,
  binaryEvent,
  END,
  type EventData,
  FORWARDS,
  StreamNotFoundError,
} from '@eventstore/db-client';
import { expect } from 'chai';
import {
  bothWays,
  collect,
  events,
  expectError,
  idsOf,
  positionOf,
  readEvents,
  recorded,
  rejection,
  unique,
} from './support/client.ts';
import { useSubject } from './support/suite.ts';

describe('conformance: read', () => {
  const subject = useSubject();
  const stream = unique('read');
  const written = events(50);
  const ids = idsOf(written);

  before(async () => {
    await subject.client.appendToStream(stream, written, { expectedRevision: 'no_stream' });
  });

  it('25 order forwards and backwards', async () => {
    const { client } = subject;
    const forwards = recorded(await collect(client.readStream(stream)));
    expect(forwards.map(({ id }) => id)).to.deep.equal(ids);
    expect(forwards.map(({ revision }) => revision)).to.deep.equal(ids.map((_, i) => BigInt(i)));
    const backwards = recorded(
      await collect(client.readStream(stream, { direction: BACKWARDS, fromRevision: END })),
    );
    expect(backwards).to.deep.equal([...forwards].reverse());
  });

  it('26 fromRevision is inclusive both ways', async () => {
    const { client } = subject;
    const forwards = client.readStream(stream, { fromRevision: 7n });
    expect(idsRead(await collect(forwards))).to.deep.equal(ids.slice(7));
    const backwards = client.readStream(stream, { fromRevision: 7n, direction: BACKWARDS });
    expect(idsRead(await collect(backwards))).to.deep.equal(ids.slice(0, 8).reverse());
    for (const direction of [FORWARDS, BACKWARDS] as const) {
      const one = client.readStream(stream, { fromRevision: 49n, direction, maxCount: 1 });
      expect(idsRead(await collect(one))).to.deep.equal([ids[49]]);
    }
  });

  it('27 beyond the end → empty, and no error', async () => {
    const { client } = subject;
    for (const fromRevision of [50n, 1_000_000n]) {
      expect(await collect(client.readStream(stream, { fromRevision }))).to.deep.equal([]);
    }
  });

  it('28 a missing stream → StreamNotFound with its name', async () => {
    const { client } = subject;
    for (const missing of [unique('missing'), unique('없는/스트림')]) {
      for (const options of [
        {},
        { fromRevision: 5n },
        { direction: BACKWARDS, fromRevision: END, maxCount: 1 },
      ] as const) {
        const error = await rejection(collect(client.readStream(missing, options)));
        expectError(error, StreamNotFoundError, { streamName: missing });
      }
    }
  });

  it('29 a stream with metadata only → StreamNotFound', async () => {
    const { client } = subject;
    const bare = unique('metadata-only');
    await client.setStreamMetadata(bare, { maxCount: 10 });
    for (const options of [{}, { direction: BACKWARDS, fromRevision: END }] as const) {
      const error = await rejection(collect(client.readStream(bare, options)));
      expectError(error, StreamNotFoundError, { streamName: bare });
    }
  });

  it('30 the last one, backwards from the end', async () => {
    const { client } = subject;
    const last = client.readStream(stream, {
      direction: BACKWARDS,
      fromRevision: END,
      maxCount: 1,
    });
    const [event, ...more] = recorded(await collect(last));
    expect(more).to.deep.equal([]);
    expect(event).to.deep.include({ id: ids[49], revision: 49n, data: { number: 49 } });
  });

  it('31 pages join without a gap or a double, both ways', async () => {
    const { client } = subject;
    for (const direction of [FORWARDS, BACKWARDS] as const) {
      const step = direction === FORWARDS ? 1n : -1n;
      const joined: string[] = [];
      let next = direction === FORWARDS ? 0n : 49n;
      for (;;) {
        const options = { direction, fromRevision: next, maxCount: 7 };
        const page = recorded(await collect(client.readStream(stream, options)));
        joined.push(...page.map(({ id }) => id));
        const last = page.at(-1);
        if (page.length < 7 || last === undefined) break;
        next = last.revision + step;
        if (next < 0n) break;
      }
      expect(joined).to.deep.equal(direction === FORWARDS ? ids : [...ids].reverse());
    }
  });

  it("32 an event's position is the one its append answered", async () => {
    const { client } = subject;
    const place = unique('position');
    const positions: bigint[] = [];
    for (const { options } of [...bothWays, ...bothWays]) {
      positions.push(positionOf(await client.appendToStream(place, events(1), options)));
    }
    const read = await readEvents(client, place);
    expect(read.map((event) => positionOf(event))).to.deep.equal(positions);
    expect(positions).to.deep.equal([...positions].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(positions).size).to.equal(positions.length);
  });

  it('33 a link is resolved on request, else comes as it is', async () => {
    const { client } = subject;
    const links = unique('links');
    await client.appendToStream(links, [linkTo(stream, 3n), linkTo(stream, 4n)]);
    const resolved = await collect(client.readStream(links, { resolveLinkTos: true }));
    expect(resolved.map(({ event }) => event?.id)).to.deep.equal([ids[3], ids[4]]);
    expect(resolved[0]?.event).to.deep.include({ streamId: stream, revision: 3n });
    expect(resolved[0]?.link).to.deep.include({ streamId: links, revision: 0n, type: '$>' });
    expect(resolved[1]?.link).to.deep.include({ streamId: links, revision: 1n, type: '$>' });
    const plain = await collect(client.readStream(links));
    expect(plain.map(({ event, link }) => [event?.type, event?.streamId, link])).to.deep.equal([
      ['$>', links, undefined],
      ['$>', links, undefined],
    ]);
    expect(Buffer.from(plain[1]?.event?.data as Uint8Array).toString()).to.equal(`4@${stream}`);
  });

  it('34 a broken link comes as the link alone', async () => {
    const { client } = subject;
    const links = unique('broken-links');
    await client.appendToStream(links, [
      linkTo(stream, 999n),
      linkTo(unique('missing'), 0n),
      linkTo(stream, 5n),
    ]);
    const resolved = await collect(client.readStream(links, { resolveLinkTos: true }));
    expect(resolved.map(({ event, link }) => [event?.id, link?.revision])).to.deep.equal([
      [undefined, 0n],
      [undefined, 1n],
      [ids[5], 2n],
    ]);
  });
});

function linkTo(target: string, revision: bigint): EventData {
  return binaryEvent({ type: '$>', data: Buffer.from(`${revision}@${target}`) });
}

function idsRead(read: Parameters<typeof recorded>[0]): string[] {
  return recorded(read).map(({ id }) => id);
}
