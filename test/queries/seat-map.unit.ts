import { expect } from 'chai';
import fc from 'fast-check';
import { patch } from '../../src/projections/models/row-change.ts';
import { seatTable } from '../../src/projections/models/seat/projection.ts';
import type { SeatFilter } from '../../src/queries/read-side.ts';
import { SeatMap } from '../../src/queries/seat-map.ts';

const sections = ['A', 'B', 'C'];
const seatsOf = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    seat_id: `s${at}`,
    section: sections[Math.floor((at * sections.length) / count)] as string,
    row_name: 'é',
    seat_number: at,
    price: 100,
    currency: 'KRW',
    status: 'available' as const,
  }));
const list = (map: SeatMap, filter?: SeatFilter) =>
  JSON.parse(String(map.prepared(filter).body)).seatList as { seatId: string }[];

describe('a session’s filtered seats', () => {
  it('are those of the whole list that the filter lets through, after any changes', () => {
    const change = fc.tuple(fc.nat(19), fc.constantFrom('available', 'held', 'sold'));
    const filter = fc.record({
      section: fc.constantFrom(undefined, 'A', 'B', 'C', 'none'),
      availableOnly: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change), fc.array(filter, { minLength: 1 }), (changes, filters) => {
        const map = new SeatMap('c', 's', seatsOf(20), 1n);
        const expectAll = () => {
          for (const { section, availableOnly } of filters) {
            const wanted = (list(map) as Record<string, unknown>[]).filter(
              (seat) =>
                (section === undefined || seat.section === section) &&
                (!availableOnly || seat.isAvailable === true),
            );
            expect(list(map, { section, availableOnly })).to.deep.equal(wanted);
          }
        };
        expectAll();
        for (const [at, [seat, status]] of changes.entries()) {
          map.apply(patch(seatTable, ['s', `s${seat}`], { status }), BigInt(at + 2));
        }
        expectAll();
      }),
    );
  });

  it('are made once a change, and have an ETag of their own', () => {
    const map = new SeatMap('c', 's', seatsOf(6), 1n);
    const filters: SeatFilter[] = [
      {},
      { availableOnly: true },
      { section: 'A' },
      { section: 'A', availableOnly: true },
      { section: 'B' },
      { section: 'none' },
    ];
    const bodies = filters.map((filter) => map.prepared(filter));
    expect(new Set(bodies.map(({ etag }) => etag)).size).to.equal(filters.length);
    for (const [at, filter] of filters.slice(0, -1).entries()) {
      expect(map.prepared(filter)).to.equal(bodies[at]);
    }
    map.apply(patch(seatTable, ['s', 's0'], { status: 'held' }), 2n);
    for (const [at, filter] of filters.entries()) {
      expect(map.prepared(filter).etag).to.not.equal(bodies[at]?.etag);
    }
  });
});
