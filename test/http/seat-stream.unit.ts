import { connect } from 'node:net';
import { expect } from 'chai';
import { eventAt } from '../../src/events/log-position.ts';
import { createHttpServer, type HttpServer } from '../../src/http/server.ts';
import type { Step } from '../../src/projections/log-step.ts';
import { patch } from '../../src/projections/models/row-change.ts';
import { type SeatRow, seatTable } from '../../src/projections/models/seat/projection.ts';
import { sessionTable } from '../../src/projections/models/session/projection.ts';
import { type SeatChange, SeatFeed } from '../../src/queries/seat-feed.ts';
import { eventually } from '../support/eventually.ts';
import { EventStream, openUnread } from './support/event-stream.ts';
import { type FakeApi, fakeApi } from './support/fake-api.ts';

const path = '/concert/1/seat/stream?sessionId=11';

describe('GET /concert/{concertId}/seat/stream', () => {
  let fake: FakeApi;
  let server: HttpServer;
  let port: number;
  let streams: EventStream[];
  beforeEach(async () => {
    fake = { ...fakeApi(), seatFeed: new SeatFeed({ keptMax: 10 }) };
    streams = [];
    await listen({ seatStreamFlushMs: 1 });
  });
  afterEach(async () => {
    for (const stream of streams) stream.close();
    await server.close(0);
  });

  async function listen(limits: Parameters<typeof createHttpServer>[1]): Promise<void> {
    await server?.close(0);
    server = createHttpServer(fake, limits);
    port = await server.listen(0, '127.0.0.1');
  }

  async function open(lastEventId?: string, of = path): Promise<EventStream> {
    const stream = await EventStream.open(`http://127.0.0.1:${port}${of}`, lastEventId);
    streams.push(stream);
    return stream;
  }

  const step = (seatId: string, status: SeatRow['status'], sessionId = '11'): Step => {
    fake.reads.shown += 10n;
    const changes = [patch(seatTable, [sessionId, seatId], { status })];
    return { position: eventAt(fake.reads.shown), createdMs: 0, isEvent: true, changes };
  };
  /** Every change that is told from now on, of any session. */
  const tellAll = (): string[] => {
    const told: string[] = [];
    const changed = (all: readonly SeatChange[]) => {
      for (const { sessionId, seatId } of all) told.push(`${sessionId} ${seatId}`);
    };
    fake.seatFeed.listen({ changed, cancelled: () => {}, reset: () => {} });
    return told;
  };
  const commit = (...steps: Step[]) => fake.seatFeed.committed(steps);
  const changes = (stream: EventStream) =>
    stream.events.filter(({ event }) => event === undefined).map(({ data }) => data);
  const change = (seatId: string, isAvailable: boolean) => JSON.stringify({ seatId, isAvailable });

  it('tells the list’s version, then each change of the session with its position', async () => {
    commit(step('before', 'held'));
    const stream = await open();
    expect(stream.status).to.equal(200);
    expect(stream.headers.get('content-type')).to.equal('text/event-stream');
    expect(stream.headers.get('cache-control')).to.equal('no-store');
    const [version] = await stream.take(1);
    expect(version).to.deep.equal({
      id: String(fake.reads.shown),
      event: 'version',
      data: '{"etag":"\\"tag-1\\""}',
    });
    commit(step('A', 'held'), step('B', 'held', '12'), step('A', 'sold'), step('A', 'available'));
    const at = fake.reads.shown;
    await stream.take(3);
    expect(stream.events.slice(1)).to.deep.equal([
      { id: String(at - 30n), data: change('A', false) },
      { id: String(at), data: change('A', true) },
    ]);
  });

  const cancelledEvent = { retry: '86400000', event: 'cancelled', data: '{}' };

  it('says so and ends when the session is cancelled, and tells no more of its seats, whoever gives one back', async () => {
    const told = tellAll();
    const stream = await open();
    commit(step('A', 'held'));
    await stream.take(2);
    const cancelled = { cancelled_at: '2027-01-01T00:00:00.000Z', version: '1' };
    const cancel = { ...step('A', 'available'), changes: [patch(sessionTable, ['11'], cancelled)] };
    commit(step('B', 'held'), cancel, step('A', 'available'), step('C', 'held', '12'));
    await eventually('the stream ends', () => stream.isOver);
    expect(stream.events.at(-1)).to.deep.equal(cancelledEvent);
    commit(step('B', 'available'), step('D', 'held', '12'));
    expect(told).to.deep.equal(['11 A', '11 B', '12 C', '12 D']);
    expect(changes(stream)).to.deep.equal([change('A', false)]);
  });

  it('of a cancelled session says so at once and ends, to who comes back and to who is new', async () => {
    fake = { ...fakeApi(), seatFeed: new SeatFeed({ wasCancelled: (id) => id === '11' }) };
    await listen({ seatStreamsMax: 1 });
    for (const lastId of [undefined, '1', String(fake.reads.shown)]) {
      const stream = await open(lastId);
      expect(stream.status).to.equal(200);
      expect(stream.headers.get('content-type')).to.equal('text/event-stream');
      await eventually('the stream ends', () => stream.isOver);
      expect(stream.events).to.deep.equal([cancelledEvent]);
    }
    const elsewhere = await open(undefined, '/concert/2/seat/stream?sessionId=11');
    expect(elsewhere.status).to.equal(404);
  });

  it('tells nothing of seats of a session that was cancelled before', async () => {
    fake = { ...fakeApi(), seatFeed: new SeatFeed({ wasCancelled: (id) => id === '11' }) };
    await listen({ seatStreamFlushMs: 1 });
    const told = tellAll();
    commit(step('A', 'available'), step('A', 'available', '12'));
    expect(told).to.deep.equal(['12 A']);
  });

  it('sends everyone the same, in order, and nothing to those who left', async () => {
    const [one, two, gone] = await Promise.all([open(), open(), open()]);
    gone.close();
    const seats = Array.from({ length: 200 }, (_, at) => `S${at}`);
    for (const seat of seats) commit(step(seat, 'held'));
    for (const stream of [one, two]) {
      await stream.take(201);
      expect(changes(stream)).to.deep.equal(seats.map((seat) => change(seat, false)));
    }
  });

  it('goes on after the last id, here or at another instance, also with what came meanwhile', async () => {
    const first = await open();
    commit(step('A', 'held'));
    await first.take(2);
    first.close();
    commit(step('B', 'held'), step('C', 'held', '12'));
    const again = await open(first.lastId);
    commit(step('D', 'held'));
    await again.take(2);
    expect(again.events.map(({ data }) => data)).to.deep.equal([
      change('B', false),
      change('D', false),
    ]);
    const ahead = fake.reads.shown + 5n;
    let asked: bigint | undefined;
    fake.reads.reached = async (position) => {
      asked = position;
      return true;
    };
    const elsewhere = await open(String(ahead));
    commit(step('E', 'held'));
    expect((await elsewhere.take(1))[0]?.data).to.equal(change('E', false));
    expect(asked).to.equal(ahead);
  });

  it('says reset to an id of which too much is forgotten, of before a restart, or of no log', async () => {
    commit(step('A', 'held'));
    const old = String(fake.reads.shown);
    for (let at = 0; at < 20; at += 1) commit(step(`S${at}`, 'held'));
    for (const id of [old, '1', '9'.repeat(19)]) {
      const stream = await open(id);
      const [first] = await stream.take(1);
      expect(first).to.include({ event: 'reset', id: String(fake.reads.shown) });
    }
    const kept = await open(String(fake.reads.shown - 50n));
    await kept.take(5);
    expect(kept.events.map(({ event }) => event)).to.deep.equal(new Array(5).fill(undefined));
    fake = { ...fakeApi(), seatFeed: new SeatFeed({ keptMax: 10 }) };
    await listen({});
    expect((await (await open(old)).take(1))[0]?.event).to.equal('reset');
  });

  it('ends when what was told does not hold any more; who comes back is told to read anew', async () => {
    const stream = await open();
    commit(step('A', 'held'));
    await stream.take(2);
    fake.seatFeed.reset();
    await eventually('the stream ends', () => stream.isOver);
    expect((await (await open(stream.lastId)).take(1))[0]?.event).to.equal('reset');
  });

  it('gives signs of life that move the id on', async () => {
    await listen({ seatStreamHeartbeatMs: 10 });
    const stream = await open();
    await stream.take(1);
    commit(step('B', 'held', '12'));
    await eventually('the id moves', () => stream.lastId === String(fake.reads.shown));
    expect(stream.text).to.match(/^: /m);
    expect(stream.events).to.have.length(1);
  });

  it('takes so many at most, and one more when one left', async () => {
    await listen({ seatStreamsMax: 2 });
    const [one] = await Promise.all([open(), open()]);
    const refused = await open();
    expect(refused.status).to.equal(503);
    expect(refused.headers.get('retry-after')).to.equal('10');
    await eventually('it was refused in words', () => refused.text.includes('too-many-streams'));
    one?.close();
    await eventually('there is room', async () => (await open()).status === 200);
  });

  it('one that waits behind another on its connection takes no room when that is gone', async () => {
    await listen({ seatStreamsMax: 3 });
    const request = `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const socket = connect(port, '127.0.0.1', () => socket.write(request.repeat(3)));
    socket.on('error', () => {});
    await eventually('all three take room', async () => {
      const probe = await open();
      probe.close();
      return probe.status === 503;
    });
    socket.destroy();
    await eventually('there is room for three', async () => {
      const probes = await Promise.all([open(), open(), open()]);
      for (const probe of probes) probe.close();
      return probes.every(({ status }) => status === 200);
    });
  });

  it('a stream that was not opened takes no room', async () => {
    await listen({ seatStreamsMax: 1 });
    for (let at = 0; at < 3; at += 1) {
      expect((await open(undefined, '/concert/2/seat/stream?sessionId=11')).status).to.equal(404);
      const head = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'HEAD' });
      expect(head.headers.get('content-type')).to.equal('text/event-stream');
      fake.reads.seats = () => Promise.reject(new Error('a bug'));
      expect((await open()).status).to.equal(500);
      fake.reads.seats = fakeApi().reads.seats;
    }
    expect((await open()).status).to.equal(200);
  });

  it('drops a reader that does not read, and keeps the others', async () => {
    await listen({ seatStreamFlushMs: 1, seatStreamBufferBytesMax: 10_000, seatStreamsMax: 2 });
    const reader = await open();
    await reader.take(1);
    const deaf = openUnread(port, path);
    await eventually('both are there', async () => (await open()).status === 503);
    const name = 'S'.repeat(600_000);
    let sent = 0;
    await eventually(
      'the deaf one is dropped',
      async () => {
        sent += 1;
        commit(step(`${name}${sent}`, 'held'));
        await reader.take(sent + 1);
        return (await open()).status === 200;
      },
      20_000,
    );
    expect(reader.isOver).to.equal(false);
    expect(changes(reader)).to.have.length(sent);
    deaf.destroy();
  }).timeout(25_000);

  it('ends with the server at once', async () => {
    const stream = await open();
    await stream.take(1);
    await server.close(5_000);
    await eventually('the stream ends', () => stream.isOver);
  });
});
