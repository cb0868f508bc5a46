/**
 * Measures the seat list of a stadium: compares the p95 of GET …/seat of a session of 50,000 seats
 * with a session of 500 seats. The same clients call both in turns, in one run: while nobody buys,
 * and while seats change. The clients (`seats-client.ts`) are another process and accept gzip. Exit
 * code 1 when the bound is exceeded.
 *
 *   npm run bench:seats [seconds per case] [rounds] [changes per second]
 *
 * Without arguments: 4 seconds, 3 rounds, 10 changes.
 */
import './support/help.ts';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import pino from 'pino';
import { createHttpServer } from '../src/http/server.ts';
import { patch } from '../src/projections/models/row-change.ts';
import { seatTable } from '../src/projections/models/seat/projection.ts';
import { SeatMap, type SeatView } from '../src/queries/seat-map.ts';
import { fakeApi } from '../test/http/support/fake-api.ts';
import type { SeatsJob } from './seats-client.ts';
import { median, quantile } from './support/measure.ts';

/** The bound, as a multiple of the p95 of the small session. */
const bound = 3;

const seconds = Number(process.argv[2] ?? '4');
const rounds = Number(process.argv[3] ?? '3');
const changesPerSecond = Number(process.argv[4] ?? '10');

const clients = { connections: 20, everyMs: 100 } as const;
const [small, large] = [500, 50_000];

const seatsOf = (count: number): SeatView[] =>
  Array.from({ length: count }, (_, at) => ({
    seat_id: `S${1 + Math.floor(at / 1_000)}-${1 + (Math.floor(at / 25) % 40)}-${1 + (at % 25)}`,
    section: `S${1 + Math.floor(at / 1_000)}`,
    row_name: String(1 + (Math.floor(at / 25) % 40)),
    seat_number: 1 + (at % 25),
    price: 100_000,
    currency: 'KRW',
    status: at % 3 === 0 ? 'sold' : 'available',
  }));

interface Measured {
  readonly p50: number;
  readonly p95: number;
  readonly notModified: number;
  readonly requests: number;
  readonly bytes: number;
}

async function measure(seats: number, changes: number, revalidates: boolean): Promise<Measured> {
  const all = seatsOf(seats);
  const map = new SeatMap('1', '11', all, 1n);
  const fake = fakeApi();
  fake.reads.seats = async (_concert, _session, filter) => map.prepared(filter);
  const server = createHttpServer({ ...fake, log: pino({ level: 'silent' }) });
  const port = await server.listen(0, '127.0.0.1');
  let position = 1n;
  const changing =
    changes > 0
      ? setInterval(() => {
          position += 1n;
          const { seat_id: id } = all[Number((position * 7_919n) % BigInt(seats))] as SeatView;
          const status = position % 2n === 0n ? 'held' : 'available';
          map.apply(patch(seatTable, ['11', id], { status }), position);
        }, 1_000 / changes)
      : undefined;
  const client = fork(new URL('seats-client.ts', import.meta.url));
  try {
    const job: SeatsJob = { port, seconds, revalidates, ...clients };
    client.send(job);
    const died = once(client, 'exit').then(() => Promise.reject(new Error('the client died')));
    const [told] = await Promise.race([once(client, 'message'), died]);
    const { ms, notModified, bytes } = told as {
      ms: number[];
      notModified: number;
      bytes: number;
    };
    const requests = ms.length;
    return { p50: median(ms), p95: quantile(ms, 0.95), notModified, requests, bytes };
  } finally {
    clearInterval(changing);
    if (client.connected) client.disconnect();
    await server.close(0);
  }
}

const cases = [
  ['nobody buys, the whole list each time', 0, false],
  ['nobody buys, pages that poll (If-None-Match)', 0, true],
  [`${changesPerSecond} changes/s, the whole list each time`, changesPerSecond, false],
  [`${changesPerSecond} changes/s, pages that poll (If-None-Match)`, changesPerSecond, true],
] as const;

const describe = ({ p50, p95, notModified, requests, bytes }: Measured): string =>
  `p50 ${p50.toFixed(1)}, p95 ${p95.toFixed(1)} ms (${notModified} of ${requests} were 304, ${bytes} bytes the largest)`;

let kept = true;
console.log(
  `Node ${process.version}, ${clients.connections} clients, each asks every ${clients.everyMs} ms, ${seconds} s, ${rounds} rounds`,
);
for (const [name, changes, revalidates] of cases) {
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const one = await measure(small, changes, revalidates);
    const other = await measure(large, changes, revalidates);
    ratios.push(other.p95 / one.p95);
    console.log(`${name}:\n  ${small} seats ${describe(one)}\n  ${large} seats ${describe(other)}`);
  }
  const ratio = median(ratios);
  kept &&= ratio <= bound;
  console.log(`  p95 × ${ratio.toFixed(2)}, bound × ${bound}${ratio <= bound ? '' : ': MISSED'}`);
}
process.exitCode = kept ? 0 : 1;
