import { expect } from 'chai';
import { parseReservationId, reservationId } from '../../src/events/ids.ts';

const epoch = '0b0c6f0e-2f0f-4f0b-9d0c-0a8f0c9f5a01';

describe('a reservation’s id', () => {
  it('names its seat and its turn, and in a restored log the epoch', () => {
    const ref = { sessionId: 's-1', seatId: 'A-1-1', ordinal: 2 };
    expect(reservationId(ref)).to.equal('s-1.A-1-1.2');
    expect(reservationId({ ...ref, epoch })).to.equal('s-1.A-1-1.2-0b0c6f0e');
  });

  it('is read back as it was made', () => {
    for (const id of ['s-1.A-1-1.2', 's-1.A-1-1.12-0b0c6f0e']) {
      const ref = parseReservationId(id);
      expect(ref && reservationId(ref)).to.equal(id);
    }
  });

  for (const id of [
    's.a',
    's.a.0',
    's.a.1-',
    's.a.1-0b0c6f0',
    's.a.1-0B0C6F0E',
    's.a.1-0b0c6f0e1',
  ]) {
    it(`is not ${id}`, () => {
      expect(parseReservationId(id)).to.equal(undefined);
    });
  }
});
