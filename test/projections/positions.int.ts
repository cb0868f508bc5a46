import { expect } from 'chai';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { stubs } from '../infrastructure/support/eventstoredb.ts';
import {
  caughtUp,
  checkpoint,
  confirmation,
  eventMessage,
  type ReadCall,
} from '../infrastructure/support/eventstoredb-stub.ts';
import { eventually } from '../support/eventually.ts';
import { startInstance, stopInstances } from './support/engines.ts';
import { randomInts, recorded } from './support/history.ts';
import { type ReadModels, readModels, rowsFromScratch, tableRows } from './support/read-models.ts';

/**
 * What servers were seen to send, and worse: the tables and the lists in memory have each event
 * once. The bug that this pins multiplied balances by 415 on a real server's empty log.
 */
describe('a store that sends odd positions', function () {
  this.timeout(60_000);
  const events = recorded({ seed: 12, sessions: 2, seatsPerSession: 20, users: 4 }, 600);
  const against = stubs();
  let models: ReadModels;

  beforeEach(async () => {
    models = await readModels();
  });

  afterEach(async () => {
    await stopInstances();
    await models.close();
  });

  const message = (event: RecordedEvent) =>
    eventMessage({
      id: event.id,
      stream: event.stream,
      revision: Number(event.revision),
      createdMs: event.createdMs,
      position: Number(event.position),
      type: event.type,
      data: JSON.stringify(event.data),
      metadata: JSON.stringify(event.metadata),
    });

  /** Sends what a subscription gets, from where it asks to go on; `send` has a say in what. */
  const serve = (send: (call: ReadCall, from: number, nth: number) => void) => {
    let nth = 0;
    return against({
      read(call) {
        const all = call.request.getOptions()?.getAll();
        if (!call.request.getOptions()?.hasSubscription()) return call.end();
        nth += 1;
        const asked = all?.getPosition()?.getCommitPosition();
        const at = asked === undefined ? 0n : BigInt(asked);
        call.write(confirmation());
        send(call, at === 0n ? 0 : events.findIndex(({ position }) => position >= at), nth);
      },
    });
  };

  async function expectAll(store: Awaited<ReturnType<typeof serve>>['store']) {
    const instance = startInstance(models.url, store);
    // In memory before the end of the history: what comes later is counted there, too.
    await eventually('something is shown', () => instance.projector.status().position !== null);
    const users = ['u1', 'u2', 'u3', 'u4'];
    for (const user of users) await instance.readSide.balance(user);
    for (const session of ['1', '2']) await instance.readSide.seats(`c${session}`, `s${session}`);
    const last = events.at(-1)?.position ?? 0n;
    expect(await instance.projector.reached(last, 20_000)).to.equal(true);
    const rows = rowsFromScratch(events);
    expect(await tableRows(models.db)).to.deep.equal(rows);
    const accounts = rows.account as readonly { user_id: string; balance: unknown }[];
    for (const user of users) {
      const row = accounts.find(({ user_id }) => user_id === user);
      expect((await instance.readSide.balance(user)).balance).to.equal(Number(row?.balance));
    }
  }

  it('with checkpoints that no log can have, before caught-up on an empty log', async () => {
    const { store } = await serve((call) => {
      call.write(checkpoint('18446744073709551615'));
      call.write(caughtUp());
      call.write(checkpoint('9223372036854775807'));
      setTimeout(() => {
        for (const event of events) call.write(message(event));
      }, 200);
    });
    await expectAll(store);
  });

  it('with a checkpoint right before each event', async () => {
    const { store } = await serve((call) => {
      for (const event of events) {
        call.write(checkpoint(Number(event.position), 0));
        call.write(message(event));
        if (event.revision === 0n) call.write(caughtUp());
      }
    });
    await expectAll(store);
  });

  it('with events again, at once and long after, and calls that end anywhere', async () => {
    const random = randomInts(3);
    const { store } = await serve((call, from) => {
      for (let at = from; at < events.length; at += 1) {
        call.write(message(events[at] as RecordedEvent));
        const again = events[Math.max(0, at - random(30))] as RecordedEvent;
        if (random(3) === 0) call.write(message(again));
        if (random(10) === 0) call.write(checkpoint(Number(again.position), random(2)));
        if (random(100) === 0) return call.end();
      }
      call.write(caughtUp());
    });
    await expectAll(store);
  });

  it('with two events at one place: the second is refused, in words, and nothing is shown as right', async () => {
    const [first, ...rest] = events as [RecordedEvent, ...RecordedEvent[]];
    const { store } = await serve((call) => {
      call.write(message(first));
      call.write(message({ ...(rest[0] as RecordedEvent), position: first.position }));
      call.write(caughtUp());
    });
    const { projector } = startInstance(models.url, store);
    await eventually('it is told', () => projector.status().state === 'other-log');
    expect(projector.status().error).to.contain(`event ${rest[0]?.id} at position`);
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch([first]));
  });

  it('with an event that a checkpoint had passed over: somebody hears of it', async () => {
    const [first, second] = events as [RecordedEvent, RecordedEvent];
    const { store } = await serve((call) => {
      call.write(message(first));
      call.write(checkpoint(Number(second.position)));
      call.write(caughtUp());
      setTimeout(() => call.write(message(second)), 100);
    });
    const { projector } = startInstance(models.url, store);
    await eventually('it is told', () => projector.status().state === 'other-log');
    expect(projector.status().error).to.contain(`event ${second.id} at position`);
    expect(projector.status().error).to.contain('passed over');
  });
});
