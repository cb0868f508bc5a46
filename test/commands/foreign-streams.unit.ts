import { expect } from 'chai';
import { EventStoreRefused, EventStoreUnavailable } from '../../src/commands/core/event-store.ts';
import { ForeignStreams } from '../../src/commands/core/foreign-streams.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';

const event = (stream: string, revision: bigint, given: Partial<RecordedEvent> = {}) => ({
  id: `${revision}@${stream}`,
  stream,
  revision,
  position: 1n,
  type: 'OrderPlaced',
  createdMs: 0,
  data: {},
  metadata: undefined,
  ...given,
});
const our = { metadata: { schemaVersion: 1 } };

describe('whose a stream is', () => {
  let reads: string[];
  let first: (stream: string) => RecordedEvent | undefined;
  let told: object[];
  let nowMs: number;
  let foreign: ForeignStreams;

  beforeEach(() => {
    reads = [];
    told = [];
    nowMs = 0;
    first = (stream) => event(stream, 0n);
    foreign = new ForeignStreams(
      {
        async *readStream(stream) {
          reads.push(stream);
          const found = first(stream);
          if (found !== undefined) yield found;
        },
      },
      (facts) => told.push(facts),
      () => nowMs,
    );
  });

  it('says its first event, which is read when it is not remembered', async () => {
    expect(foreign.has(event('order-a', 0n, our))).to.equal(false);
    expect(foreign.has(event('order-b', 0n))).to.equal(true);
    expect(foreign.has(event('order-b', 1n)), 'remembered').to.equal(true);
    expect(reads).to.deep.equal([]);
    expect(await foreign.has(event('order-c', 1n))).to.equal(true);
    expect(await foreign.has(event('order-c', 2n))).to.equal(true);
    first = (stream) => event(stream, 0n, our);
    expect(await foreign.has(event('order-d', 1n)), 'on ours').to.equal(false);
    expect(await foreign.has(event('order-d', 2n))).to.equal(false);
    expect(reads).to.deep.equal(['order-c', 'order-d']);
  });

  it('is the same whether it is remembered or not', async () => {
    expect(foreign.has(event('order-b', 0n))).to.equal(true);
    expect(foreign.has(event('order-b', 1n, our)), 'one of ours, as if it stood alone').to.equal(
      false,
    );
    expect(foreign.has(event('order-e', 1n, our))).to.equal(false);
  });

  it('is ours when a newer version wrote it, and not because its type is called like ours', () => {
    const later = { schemaVersion: 1, commandId: 'c' };
    expect(foreign.has(event('seat-s/1', 0n, { type: 'SeatBlocked', metadata: later }))).to.equal(
      false,
    );
    const theirs = { type: 'InvoiceSent', metadata: { schemaVersion: 1 } };
    expect(foreign.has(event('order-f', 0n, theirs))).to.equal(true);
    for (const metadata of [undefined, null, {}, 'text', { schemaVersion: '1' }]) {
      expect(foreign.has(event('order-g', 0n, { metadata }))).to.equal(true);
    }
  });

  it('is nobody’s when it is gone; not known while the store is away', async () => {
    first = () => undefined;
    expect(await foreign.has(event('order-gone', 1n))).to.equal(true);
    first = () => {
      throw new EventStoreRefused('deleted for ever');
    };
    expect(await foreign.has(event('order-dead', 1n))).to.equal(true);
    first = () => {
      throw new EventStoreUnavailable('away');
    };
    const failed = await Promise.resolve(foreign.has(event('order-away', 1n))).catch((e) => e);
    expect(failed).to.be.instanceOf(EventStoreUnavailable);
  });

  it('is remembered of 10,000 streams, and told of once in ten minutes', async () => {
    for (let n = 0; n < 10_001; n += 1) await foreign.has(event(`order-${n}`, 0n));
    expect(await foreign.has(event('order-10000', 1n))).to.equal(true);
    expect(reads).to.deep.equal([]);
    expect(await foreign.has(event('order-0', 1n))).to.equal(true);
    expect(reads, 'the one asked for longest ago was forgotten').to.deep.equal(['order-0']);
    expect(told).to.deep.equal([{ events: 1, stream: 'order-0' }]);
    nowMs = 599_999;
    await foreign.has(event('order-x', 0n));
    expect(told).to.have.lengthOf(1);
    nowMs = 600_000;
    await foreign.has(event('order-y', 0n));
    expect(told[1]).to.deep.equal({ events: 10_005, stream: 'order-y' });
    expect(foreign.events).to.equal(10_005);
  });
});
