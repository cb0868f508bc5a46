import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { gzipChunks } from '../../src/http/gzip-chunks.ts';
import { patch } from '../../src/projections/models/row-change.ts';
import { seatTable } from '../../src/projections/models/seat/projection.ts';
import { SeatMap, type SeatView } from '../../src/queries/seat-map.ts';

describe('gzip of stretches', () => {
  it('is one member with the right checksum and length, whatever the stretches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 20 }),
        async (all) => {
          const chunks = all.map((bytes) => Buffer.from(bytes));
          const zipped = Buffer.concat(await gzipChunks(chunks, 6));
          expect(gunzipSync(zipped).equals(Buffer.concat(chunks))).to.equal(true);
        },
      ),
    );
  });

  it('of a stadium follows its seats, and shares what did not change', async () => {
    const seats = Array.from({ length: 50_000 }, (_, at) => ({
      seat_id: `A-1-${at}`,
      section: 'A',
      row_name: '1',
      seat_number: at,
      price: 1,
      currency: 'KRW',
      status: 'available',
    })) satisfies SeatView[];
    const map = new SeatMap('1', '11', seats, 1n);
    const before = map.prepared();
    const listed = async () => {
      const { chunks = [], body } = map.prepared();
      const text = gunzipSync(Buffer.concat(await gzipChunks(chunks, 6))).toString();
      expect(text).to.equal(String(body));
      return JSON.parse(text).seatList as { seatId: string; isAvailable: boolean }[];
    };
    expect((await listed()).every(({ isAvailable }) => isAvailable)).to.equal(true);
    let position = 1n;
    const taken = new Set<string>();
    const take = async (suits: (at: number) => boolean) => {
      for (const { seat_id: id } of seats.filter((_, at) => suits(at))) {
        position += 1n;
        taken.add(id);
        map.apply(patch(seatTable, ['11', id], { status: 'held' }), position);
      }
      const free = (await listed()).filter(({ isAvailable }) => !isAvailable);
      expect(new Set(free.map(({ seatId }) => seatId))).to.deep.equal(taken);
    };
    // Those whose flags lie across the end of a stretch.
    const stretch = before.chunks?.[0]?.length ?? 0;
    const flags = [...String(before.body).matchAll(/true /g)].map(({ index }) => index);
    await take((at) => ((flags[at] ?? 0) % stretch) + 5 > stretch);
    expect(taken.size).to.be.greaterThan(0);
    await take((at) => at % 331 === 0);
    expect(JSON.parse(String(before.body)).seatList[0].isAvailable, 'as it was').to.equal(true);
    const { chunks: one = [] } = map.prepared();
    map.apply(patch(seatTable, ['11', 'A-1-7'], { status: 'held' }), 10_000n);
    const { chunks: other = [] } = map.prepared();
    expect(one.length).to.be.greaterThan(100);
    expect(other.filter((chunk, at) => chunk !== one[at]).length).to.be.within(1, 2);
  });
});
