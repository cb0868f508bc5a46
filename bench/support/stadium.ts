import pino from 'pino';
import { createHttpServer } from '../../src/http/server.ts';
import { patch } from '../../src/projections/models/row-change.ts';
import { seatTable } from '../../src/projections/models/seat/projection.ts';
import { SeatMap, type SeatView } from '../../src/queries/seat-map.ts';
import { fakeApi } from '../../test/http/support/fake-api.ts';

/** A session of so many seats, served over HTTP, of which a seat changes every `changeMs`. */
export async function serveStadium(
  seatCount: number,
  changeMs: number,
  limits: Parameters<typeof createHttpServer>[1] = {},
) {
  const seats = Array.from({ length: seatCount }, (_, at) => ({
    seat_id: `A-1-${at}`,
    section: 'A',
    row_name: '1',
    seat_number: at,
    price: 100_000,
    currency: 'KRW',
    status: 'available',
  })) satisfies SeatView[];
  const map = new SeatMap('1', '11', seats, 1n);
  let position = 1n;
  const change = () => {
    position += 1n;
    const seatId = `A-1-${Math.floor(Math.random() * seatCount)}`;
    const status = Math.random() < 0.5 ? 'available' : 'held';
    map.apply(patch(seatTable, ['11', seatId], { status }), position);
  };
  const changing = changeMs > 0 ? setInterval(change, changeMs) : undefined;
  const fake = fakeApi();
  fake.reads.seats = async (_concert, _session, filter) => map.prepared(filter);
  fake.reads.seatsAsOf = async (_concert, _session, _asOf, filter = {}) =>
    map.preparedWith(new Set([`A-1-${Math.floor(Math.random() * seatCount)}`]), filter, false);
  const server = createHttpServer({ ...fake, log: pino({ level: 'silent' }) }, limits);
  const port = await server.listen(0, '127.0.0.1');
  return {
    port,
    change,
    async stop() {
      clearInterval(changing);
      await server.close(0);
    },
  };
}
