import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import { steeringDecider, steeringOf } from '../../src/commands/steering/decider.ts';
import { steeringStream } from '../../src/events/streams.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { controlOf } from '../../src/serve/open-rooms.ts';
import { importCatalog, reprise } from '../e2e/support/command-line.ts';
import { inOrderOf } from '../queue/support/lot-contract.ts';
import { eventually } from '../support/eventually.ts';
import { Instances } from './support/instances.ts';

interface Entry {
  readonly processing: boolean;
  readonly position: number | null;
  readonly retryAfterMs: number;
  readonly estimateReason?: string;
  readonly opensAt?: string;
}

/** Who enrols within this time takes part; the sale opens a minute later. */
const enrolMs = 12_000;
const lastMinuteMs = 60_000;
const places = 3;

describe('three instances on one Redis, before a sale with a lot opens', function () {
  this.timeout(180_000);
  let all: Instances;
  let room: string;

  before(async function () {
    const started = await Instances.start({});
    if (started === undefined) {
      console.log('      skipped: REDIS_URL is not set and there is no redis-server');
      return this.skip();
    }
    all = started;
    room = all.user('gala');
    const session = {
      ...{ sessionId: `${room}-1`, startsAt: '2099-01-01T00:00:00Z' },
      salesOpenAt: '2020-01-01T00:00:00Z',
      seatMap: [{ section: 'A', price: 100, rows: [{ row: '1', seats: 20 }] }],
    };
    const concert = { concertId: room, title: room, waitingRoom: room, sessions: [session] };
    await importCatalog({ concerts: [concert] }, env());
    for (const service of all.services) {
      await eventually(`${service.url} sells the concert`, async () => {
        const { status } = await service.call('GET', `/concert/${room}/session`);
        return status === 200;
      });
    }
  });
  after(() => all?.stop());

  const env = () => all.at(0).env as Record<string, string>;
  let polls = 0;
  /** Each poll goes to the next instance. */
  const poll = async (user: string): Promise<Entry> => {
    polls += 1;
    const path = `/concert/waiting/status?userId=${user}&concertId=${room}`;
    const { status, body } = await all.at(polls).call<Entry>('GET', path);
    expect(status, JSON.stringify(body)).to.equal(200);
    return body;
  };

  /** As `reprise queue lot` does, which leaves more time. @returns how it is steered */
  const withSteering = async <T>(work: (handler: Handler) => Promise<T>): Promise<T> => {
    const store = connectEventStore(env().EVENTSTORE_URL as string);
    try {
      return await work(new CommandHandler(store, steeringDecider));
    } finally {
      await store.close();
    }
  };
  const steer = (from: string, opensAt: string) =>
    withSteering(async (handler) => {
      const change = { admittedMax: places, lot: { from, opensAt } };
      const who = { clear: false, by: 'kim', reason: 'a fair start', at: from };
      const command = { type: 'SteerQueue', room, change, ...who } as const;
      const result = await handler.execute(steeringStream, command, { commandId: randomUUID() });
      expect(result.ok).to.equal(true);
    });

  it('gives the places by one draw, through whichever instance its buyers poll', async () => {
    const fromMs = Date.now() + 2_000;
    const opensAt = new Date(fromMs + enrolMs + lastMinuteMs).toISOString();
    await steer(new Date(fromMs).toISOString(), opensAt);
    // Every instance knows of it after half a second.
    await delay(fromMs - Date.now());
    const users = Array.from({ length: 12 }, (_, n) => all.user(`u-${n}`));
    for (const user of users) {
      expect(await poll(user), user).to.deep.include({
        ...{ processing: false, position: null, estimateReason: 'not-open', opensAt },
      });
    }
    expect(Date.now(), 'all enrolled in time').to.be.lessThan(fromMs + enrolMs);

    const opensMs = Date.parse(opensAt);
    /** Polls as told, until the moment. @returns when it was admitted */
    const waits = async (user: string, untilMs: number): Promise<number | undefined> => {
      for (;;) {
        const { processing, retryAfterMs } = await poll(user);
        if (processing) return Date.now();
        if (Date.now() + retryAfterMs >= untilMs) return undefined;
        await delay(retryAfterMs);
      }
    };
    const settledMs = opensMs - 10_000;
    for (const early of await Promise.all(users.map((user) => waits(user, settledMs)))) {
      expect(early, 'inside before the sale opens').to.equal(undefined);
    }
    await delay(settledMs - Date.now());
    const { lot } = await withSteering(async (handler) =>
      controlOf(steeringOf(await handler.state(steeringStream), room)),
    );
    if (lot === null || lot.seed === '') throw new Error('the lot is not drawn');
    for (const [n, user] of inOrderOf(lot, users).entries()) {
      expect(await poll(user), user).to.deep.include({ processing: false, position: n + 1 });
    }

    const admitted = await Promise.all(users.map((user) => waits(user, opensMs + 3_000)));
    const inside = admitted.filter((at) => at !== undefined);
    expect(inside).to.have.lengthOf(places);
    expect(Math.min(...inside)).to.be.at.least(opensMs);
    // Who was admitted stood in front by the draw, or whoever did was late.
    const audit = await reprise(['queue', 'audit'], env());
    expect(audit.code, audit.stdout + audit.stderr).to.equal(0);
  });
});

type Handler = CommandHandler<
  Parameters<typeof steeringDecider.evolve>[0],
  Parameters<typeof steeringDecider.decide>[0],
  Parameters<typeof steeringDecider.evolve>[1],
  'changed' | 'unchanged'
>;
