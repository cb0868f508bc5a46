import { expect } from 'chai';
import fc from 'fast-check';
import { sql } from 'kysely';
import { startRelay, throughRelay } from '../../src/drill/relay.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { decode } from '../../src/events/codec.ts';
import { eventAt } from '../../src/events/log-position.ts';
import { joinProjections } from '../../src/projections/models/projection.ts';
import { projections } from '../../src/projections/models/registry.ts';
import { createReadSide } from '../../src/queries/mirrored-read-side.ts';
import type { PreparedBody, ReadSide } from '../../src/queries/read-side.ts';
import { ReadSideUnavailable } from '../../src/queries/read-side.ts';
import { ArrayEventStore } from '../projections/support/array-event-store.ts';
import { type Instance, startInstance, stopInstances } from '../projections/support/engines.ts';
import { type HistoryShape, recorded } from '../projections/support/history.ts';
import {
  type ReadModels,
  readModels,
  rowsFromScratch,
} from '../projections/support/read-models.ts';
import { eventually } from '../support/eventually.ts';
import { idle, readSideOf } from './support/postgres-read-side.ts';

const shape: HistoryShape = { seed: 3, sessions: 3, seatsPerSession: 12, users: 4 };
const last = (events: readonly RecordedEvent[]): bigint => events.at(-1)?.position ?? 0n;
const json = (body: PreparedBody | undefined): unknown => body && JSON.parse(String(body.body));

describe('the read side', function () {
  this.timeout(60_000);
  let models: ReadModels;
  let store: ArrayEventStore;
  let instance: Instance;

  beforeEach(async () => {
    models = await readModels();
    store = new ArrayEventStore();
    instance = startInstance(models.url, store);
    await eventually('live', () => instance.projector.status().state === 'live');
  });

  afterEach(async () => {
    await stopInstances();
    await models.close();
  });

  const show = async (events: readonly RecordedEvent[]): Promise<void> => {
    store.append(...events);
    expect(await instance.projector.reached(last(events), 20_000)).to.equal(true);
  };

  const fromPostgres = (): ReadSide => readSideOf(models.db);

  /** Every answer there is, as text. */
  async function everything(readSide: ReadSide, of: HistoryShape): Promise<Record<string, string>> {
    const p = of.prefix ?? '';
    const answers: Record<string, string> = { concerts: String((await readSide.concerts()).body) };
    for (let n = 1; n <= of.sessions; n += 1) {
      answers[`sessions ${n}`] = String((await readSide.sessions(`${p}c${n}`))?.body);
      answers[`seats ${n}`] = String((await readSide.seats(`${p}c${n}`, `${p}s${n}`))?.body);
    }
    for (let n = 1; n <= of.users; n += 1) {
      answers[`balance ${n}`] = JSON.stringify(await readSide.balance(`${p}u${n}`));
    }
    return answers;
  }

  it('answers in the shapes of its contract', async () => {
    await show(recorded(shape, 6 + shape.users));
    const { readSide } = instance;
    expect(json(await readSide.concerts())).to.deep.equal(
      [1, 2, 3].map((n) => ({ concertId: `c${n}`, title: `Concert ${n}`, venue: null })),
    );
    expect(json(await readSide.sessions('c2'))).to.deep.equal([
      {
        sessionId: 's2',
        concertId: 'c2',
        startsAt: '2026-01-01T00:02:00.000Z',
        salesOpenAt: '2026-01-01T00:00:00.000Z',
        seatsTotal: 12,
        seatsAvailable: 12,
      },
    ]);
    const seats = json(await readSide.seats('c2', 's2')) as { seatList: unknown[] };
    expect({ ...seats, seatList: [] }).to.deep.equal({
      concertId: 'c2',
      sessionId: 's2',
      seatList: [],
    });
    expect(seats.seatList).to.deep.equal(
      Array.from({ length: 12 }, (_, index) => ({
        seatId: `A-1-${index + 1}`,
        section: 'A',
        row: '1',
        number: index + 1,
        price: 100,
        currency: 'KRW',
        isAvailable: true,
      })),
    );
    expect(await readSide.balance('u1')).to.deep.equal({
      userId: 'u1',
      balance: 1_000_000_000,
      held: 0,
      currency: 'KRW',
    });
  });

  it('knows what it does not have', async () => {
    await show(recorded(shape, 20));
    const { readSide } = instance;
    expect(await readSide.sessions('nope')).to.equal(undefined);
    expect(await readSide.seats('nope', 's1')).to.equal(undefined);
    expect(await readSide.seats('c1', 'nope')).to.equal(undefined);
    expect(await readSide.seats('c1', 's2')).to.equal(undefined);
    expect(await readSide.balance('nobody')).to.deep.equal({
      userId: 'nobody',
      balance: 0,
      held: 0,
      currency: 'KRW',
    });
  });

  it('says from memory what PostgreSQL says, whenever it was first asked', async () => {
    const { readSide } = instance;
    let runs = 0;
    let logged = 0n;
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 8 }),
        async (seed, cuts) => {
          runs += 1;
          const small = { seed, sessions: 2, seatsPerSession: 4, users: 3, prefix: `r${runs}-` };
          const start = logged;
          const events = recorded(small, 400).map((event) => ({
            ...event,
            position: event.position + start,
          }));
          for (const cut of [...cuts, 20]) {
            const some = events.splice(0, cut);
            store.append(...some);
            logged = some.at(-1)?.position ?? logged;
            // Asked while batches are on their way: what is loaded now must not miss one.
            await Promise.all([everything(readSide, small), everything(readSide, small)]);
          }
          expect(await readSide.reached(logged, 10_000)).to.equal(true);
          expect(await everything(readSide, small)).to.deep.equal(
            await everything(fromPostgres(), small),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  it('shows a user the own last command once it has reached its position', async () => {
    const events = recorded({ ...shape, seed: 8 }, 120);
    const { readSide } = instance;
    let shown = 0;
    for (let at = 0; at < events.length; at += 1) {
      const event = events[at] as RecordedEvent;
      store.append(event);
      expect(await readSide.reached(event.position, 5_000)).to.equal(true);
      if (!event.stream.startsWith('account-')) continue;
      const userId = event.stream.slice('account-'.length);
      const row = rowsFromScratch(events.slice(0, at + 1)).account?.find(
        (one) => one.user_id === userId,
      );
      const { balance, held } = await readSide.balance(userId);
      expect([balance, held].map(String)).to.deep.equal([row?.balance, row?.held]);
      shown += 1;
    }
    expect(shown, 'commands whose effect was shown').to.be.greaterThan(20);
  });

  it('never shows what is not committed; told before the commit, it would', async () => {
    const events = recorded(shape, 2_000);
    const taken = events.findIndex(({ type }) => type === 'SeatReserved');
    await show(events.slice(0, taken));
    const event = events[taken] as RecordedEvent;
    const [sessionId, seatId] = event.stream.slice('seat-'.length).split('/') as [string, string];
    const concertId = sessionId.replace('s', 'c');
    const isAvailable = async (readSide: ReadSide) => {
      const { seatList } = json(await readSide.seats(concertId, sessionId)) as {
        seatList: { seatId: string; isAvailable: boolean }[];
      };
      return seatList.find((seat) => seat.seatId === seatId)?.isAvailable;
    };
    let tellTooEarly: Parameters<Instance['projector']['listen']>[0] | undefined;
    const tooEarly = createReadSide({
      db: models.db,
      scheduledMs: () => 0,
      projector: {
        ...idle,
        listenersAreFresh: () => true,
        listen: (listener) => {
          tellTooEarly = listener;
        },
      },
    });
    expect(await isAvailable(instance.readSide)).to.equal(true);
    expect(await isAvailable(tooEarly)).to.equal(true);

    const blocker = await models.postgres.pool.connect();
    await blocker.query('BEGIN; LOCK TABLE reservation IN EXCLUSIVE MODE');
    try {
      store.append(event);
      await eventually('the projector waits inside its transaction', async () => {
        const { rows } = await sql<{ n: bigint }>`
          SELECT count(*) AS n FROM pg_locks WHERE NOT granted
          AND relation = 'reservation'::regclass`.execute(models.db);
        return rows[0]?.n === 1n;
      });
      const changes = joinProjections(projections)(decode(event));
      tellTooEarly?.committed([
        { position: eventAt(event.position), createdMs: 0, changes, isEvent: true },
      ]);
      expect(await isAvailable(instance.readSide)).to.equal(true);
      expect(await isAvailable(fromPostgres())).to.equal(true);
      expect(await isAvailable(tooEarly)).to.equal(false);
    } finally {
      await blocker.query('ROLLBACK');
      blocker.release();
    }
    expect(await instance.projector.reached(event.position, 5_000)).to.equal(true);
    expect(await isAvailable(instance.readSide)).to.equal(false);
  });

  it('gives one body one ETag on every instance, and another body another', async () => {
    const all = recorded({ ...shape, seed: 21 }, 600);
    // The last one changes the session's row and none of its seats.
    const isReschedule = ({ type, stream }: RecordedEvent) =>
      type === 'SessionRescheduled' && stream === 'concert-c1';
    const events = all.slice(0, all.findLastIndex(isReschedule) + 1);
    const seen = new Map<string, string>();
    for (let at = 0; at < events.length; at += 25) {
      await show(events.slice(at, at + 25));
      for (const readSide of [instance.readSide, fromPostgres()]) {
        for (const body of [await readSide.sessions('c1'), await readSide.seats('c1', 's1')]) {
          if (body === undefined) continue;
          const text = String(body.body);
          const key = `${text.startsWith('[') ? 'sessions' : 'seats'} ${body.etag}`;
          expect(seen.get(key) ?? text).to.equal(text);
          seen.set(key, text);
        }
      }
      const [memory, fresh] = [instance.readSide, fromPostgres()];
      const both = [await memory.seats('c1', 's1'), await fresh.seats('c1', 's1')];
      expect(both[0]?.etag).to.equal(both[1]?.etag);
    }
    expect(seen.size).to.be.greaterThan(20);
    const one = await instance.readSide.sessions('c1');
    expect(one?.etag).to.match(/^"[^"]+"$/);
    expect((await fromPostgres().sessions('c1'))?.etag).to.equal(one?.etag);
    expect(await instance.readSide.sessions('c1')).to.equal(one);
  });

  it('answers from memory for a while when PostgreSQL is away, and says so where it cannot', async () => {
    const relay = await startRelay(Number(new URL(models.url).port));
    let now = Date.now();
    const { projector, readSide } = startInstance(throughRelay(models.url, relay), store, {
      now: () => now,
    });
    try {
      const events = recorded(shape, 400);
      store.append(...events.slice(0, 300));
      expect(await projector.reached(last(events.slice(0, 300)), 10_000)).to.equal(true);
      const before = await readSide.seats('c1', 's1');
      await readSide.balance('u1');
      await relay.cut();
      store.append(...events.slice(300));
      await eventually('it is noticed', () => projector.status().error !== undefined);
      expect(await readSide.seats('c1', 's1')).to.equal(before);
      expect((await readSide.balance('u1')).userId).to.equal('u1');
      const refusal = (answer: Promise<unknown>) => answer.catch((thrown: unknown) => thrown);
      expect(await refusal(readSide.balance('u2'))).to.be.instanceOf(ReadSideUnavailable);
      // Somebody else may have written by now.
      now += 5_000;
      expect(await refusal(readSide.seats('c1', 's1'))).to.be.instanceOf(ReadSideUnavailable);
      await relay.mend();
      expect(await projector.reached(last(events), 5_000)).to.equal(true);
      expect((await readSide.balance('u2')).userId).to.equal('u2');
      expect(projector.status().error).to.equal(undefined);
    } finally {
      await relay.stop();
    }
  });
});
