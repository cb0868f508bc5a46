import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Gate } from '../../src/http/gate.ts';
import { httpLimits } from '../../src/http/limits.ts';
import { eventually } from '../support/eventually.ts';
import { type Api, serveApi } from './support/api.ts';
import { fakeApi, scheduledMs } from './support/fake-api.ts';

const path = '/concert/1/seat?sessionId=11';
const at = (time: string | number) =>
  `${path}&asOf=${encodeURIComponent(typeof time === 'string' ? time : new Date(time).toISOString())}`;

describe('the seats of a moment', () => {
  let api: Api;
  beforeEach(async () => {
    api = await serveApi();
  });
  afterEach(() => api.stop());

  it('are answered like those of now: prepared, with an ETag, in any offset from UTC', async () => {
    const [now, then] = [await api.call('GET', path), await api.call('GET', at(scheduledMs))];
    expect([now.status, then.status]).to.deep.equal([200, 200]);
    expect(now.body.seatList[0].isAvailable).to.equal(true);
    expect(then.body.seatList[0].isAvailable).to.equal(false);
    const headers = { 'If-None-Match': String(then.headers.get('etag')) };
    expect((await api.call('GET', at(scheduledMs), { headers })).status).to.equal(304);
    const seoul = new Date(scheduledMs + 9 * 3_600_000).toISOString().replace('Z', '+09:00');
    expect((await api.call('GET', at(seoul))).status).to.equal(200);
  });

  it('are asked for with the filters, to the millisecond', async () => {
    const asked: unknown[] = [];
    const { seatsAsOf } = api.fake.reads;
    api.fake.reads.seatsAsOf = (...parameters) => {
      asked.push(parameters);
      return seatsAsOf(...parameters);
    };
    await api.call('GET', `${at('2026-10-02T00:00:00.1239Z')}&section=A&available=true`);
    const moment = Date.parse('2026-10-02T00:00:00.123Z');
    expect(asked).to.deep.equal([['1', '11', moment, { section: 'A', availableOnly: true }]]);
  });

  it('are 400 for what is no time, or is not over yet', async () => {
    const wrong = [
      '',
      'yesterday',
      '2026-10-02',
      '1790000000',
      '2026-02-30T00:00:00Z',
      '2026-10-02T00:00:00',
    ];
    for (const text of wrong) {
      const { status, body } = await api.call('GET', at(text));
      expect(status, text).to.equal(400);
      expect(body.errors[0].field).to.equal('asOf');
      expect(body.detail).to.contain('2027-05-01T19:00:00Z');
    }
    // A + that was not encoded arrives as a space.
    const plus = await api.call('GET', `${path}&asOf=2026-10-02T00:00:00+09:00`);
    expect([plus.status, plus.body.detail]).to.satisfy(
      ([status, detail]: [number, string]) => status === 400 && detail.includes('%2B'),
    );
    const future = await api.call('GET', at(Date.now() + 60_000));
    expect([future.status, future.body.code, future.body.errors]).to.deep.equal([
      400,
      'invalid-request',
      [{ field: 'asOf', message: 'must not be in the future' }],
    ]);
  });

  it('are 404 before the session was scheduled, and without one', async () => {
    const early = await api.call('GET', at(scheduledMs - 1));
    expect([early.status, early.body.code]).to.deep.equal([404, 'session-not-found']);
    expect(early.body.detail).to.contain('2026-09-30T23:59:59.999Z');
    const other = await api.call('GET', at(scheduledMs).replace('=11', '=12'));
    expect([other.status, other.body.code]).to.deep.equal([404, 'session-not-found']);
  });

  it('wait until all that was in the log is shown', async () => {
    api.fake.reads.shown = 0n;
    const { status, body } = await api.call('GET', at(scheduledMs));
    expect([status, body.code]).to.deep.equal([503, 'read-side-behind']);
  });

  it('are made for a few at a time: the others wait, too many are 503, lists of now go on', async () => {
    let [under, most] = [0, 0];
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { seatsAsOf } = api.fake.reads;
    api.fake.reads.seatsAsOf = async (...parameters) => {
      under += 1;
      most = Math.max(most, under);
      await released;
      under -= 1;
      return seatsAsOf(...parameters);
    };
    const { pastRunningMax, pastWaitingMax } = httpLimits;
    const answers: number[] = [];
    const ask = async () => {
      const { status, body, headers } = await api.call('GET', at(scheduledMs));
      answers.push(status);
      if (status === 503) {
        expect([body.code, headers.get('retry-after')]).to.deep.equal(['too-many-queries', '1']);
      }
    };
    const all = Array.from({ length: pastRunningMax + pastWaitingMax + 5 }, ask);
    await eventually('five are refused', () => answers.length === 5);
    expect((await api.call('GET', path)).status).to.equal(200);
    release();
    await Promise.all(all);
    expect(answers.sort()).to.deep.equal([
      ...Array(pastRunningMax + pastWaitingMax).fill(200),
      ...Array(5).fill(503),
    ]);
    expect(most).to.equal(pastRunningMax);
  });
});

describe('the turn of who asks for a moment', () => {
  it('is not kept by who waits for the read side', async () => {
    const fake = fakeApi();
    fake.reads.reached = (position) =>
      position > fake.reads.shown ? new Promise(() => {}) : Promise.resolve(true);
    const api = await serveApi(fake);
    try {
      const far = { 'X-Min-Event-Position': '9'.repeat(19) };
      for (let n = 0; n < 3; n += 1)
        api.call('GET', at(scheduledMs), { headers: far }).catch(() => {});
      expect((await api.call('GET', at(scheduledMs))).status).to.equal(200);
    } finally {
      await api.stop();
    }
  });

  it('is given up by who goes away, whose place in line another takes', async () => {
    const api = await serveApi();
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let made = 0;
    const { seatsAsOf } = api.fake.reads;
    api.fake.reads.seatsAsOf = async (...parameters) => {
      made += 1;
      await released;
      return seatsAsOf(...parameters);
    };
    const url = `http://127.0.0.1:${api.port}${at(scheduledMs)}`;
    const ask = (signal?: AbortSignal) => fetch(url, signal === undefined ? {} : { signal });
    try {
      const gone = new AbortController();
      const line = Array.from({ length: httpLimits.pastWaitingMax + 1 }, () =>
        ask(gone.signal).catch(() => 'gone'),
      );
      await eventually('the line is full', async () => (await ask()).status === 503);
      gone.abort();
      await Promise.all(line);
      // Refused while the line is full; else it waits in it.
      let answer: Promise<Response> = ask();
      await eventually('there is room in the line', async () => {
        answer = ask();
        return (await Promise.race([answer, sleep(200)])) === undefined;
      });
      release();
      expect((await answer).status).to.equal(200);
      expect(made, 'the first one’s, and hardly those of who left').to.be.below(line.length);
    } finally {
      await api.stop();
    }
  });
});

describe('a gate', () => {
  it('does nothing for who left the line, or went away before', async () => {
    const gate = new Gate(1, 2);
    const done: string[] = [];
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const work = (name: string) => async () => {
      done.push(name);
      await held;
      return name;
    };
    const [leaves, gone] = [new AbortController(), AbortSignal.abort()];
    const first = gate.run(work('first'));
    const second = gate.run(work('second'), leaves.signal);
    const third = gate.run(work('third'));
    expect(await gate.run(work('fourth')), 'the line is full').to.equal(undefined);
    leaves.abort();
    expect(await second).to.equal(undefined);
    const fifth = gate.run(work('fifth'));
    expect(await gate.run(work('gone'), gone)).to.equal(undefined);
    release();
    expect(await Promise.all([first, third, fifth])).to.deep.equal(['first', 'third', 'fifth']);
    expect(done).to.deep.equal(['first', 'third', 'fifth']);
  });

  it('gives the place of work that failed to the next, in line', async () => {
    const gate = new Gate(1, 2);
    const order: number[] = [];
    const work = (n: number) => async () => {
      order.push(n);
      if (n === 1) throw new Error('no');
      return n;
    };
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map((n) => gate.run(work(n))));
    expect(
      outcomes.map((one) => (one.status === 'fulfilled' ? one.value : 'failed')),
    ).to.deep.equal(['failed', 2, 3, undefined]);
    expect(await gate.run(work(5))).to.equal(5);
    expect(order).to.deep.equal([1, 2, 3, 5]);
  });
});
