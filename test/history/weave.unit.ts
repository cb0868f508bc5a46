import { expect } from 'chai';
import fc from 'fast-check';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { eventsBetween } from '../../src/history/events-of.ts';
import { weave } from '../../src/history/weave.ts';

const event = (stream: string, revision: number, position: number): RecordedEvent => ({
  id: `${stream}-${revision}`,
  stream,
  revision: BigInt(revision),
  position: BigInt(position),
  type: 'X',
  createdMs: position,
  data: {},
  metadata: {},
});

/** A stream that tells how far it was read and whether it was let go. */
function watched(events: readonly RecordedEvent[]) {
  const seen = { read: 0, closed: false };
  async function* stream() {
    try {
      for (const one of events) {
        seen.read += 1;
        yield one;
      }
    } finally {
      seen.closed = true;
    }
  }
  return { seen, stream };
}

describe('streams woven together', () => {
  it('are in the log’s order, and each in its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(fc.nat(30)), { maxLength: 5 }), async (positions) => {
        const streams = positions.map((list, name) =>
          [...list].sort((a, b) => a - b).map((position, n) => event(`s${name}`, n, position)),
        );
        const woven: RecordedEvent[] = [];
        for await (const one of weave(streams.map((events) => watched(events).stream()))) {
          woven.push(one);
        }
        expect(woven.map(({ position }) => position)).to.deep.equal(
          streams
            .flat()
            .map(({ position }) => position)
            .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
        );
        for (const [name, events] of streams.entries()) {
          expect(woven.filter(({ stream }) => stream === `s${name}`)).to.deep.equal(events);
        }
      }),
    );
  });

  it('are read no further than one event ahead, and let go when the reader stops', async () => {
    const long = (name: string, from: number) =>
      watched(Array.from({ length: 100_000 }, (_, n) => event(name, n, from + 2 * n)));
    const [a, b] = [long('a', 0), long('b', 1)];
    let taken = 0;
    for await (const _ of eventsBetween(weave([a.stream(), b.stream()]), 0, Infinity)) {
      taken += 1;
      if (taken === 10) break;
    }
    expect(a.seen.read + b.seen.read).to.be.at.most(12);
    expect([a.seen.closed, b.seen.closed]).to.deep.equal([true, true]);
  });
});
