import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import { steeringDecider, steeringOf } from '../../src/commands/steering/decider.ts';
import { steeringStream } from '../../src/events/streams.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { QueueJournal } from '../../src/processes/queue-journal.ts';
import { testEventStore } from './servers.ts';
import { emptyShopLine } from './shop-line.ts';

describe('the waiting line of the shop in a log that tests share', () => {
  it('is as in a new log after emptyShopLine', async () => {
    const server = await testEventStore();
    const store = connectEventStore(server.url);
    // A handler remembers a stream for a moment, so each has its own.
    const steering = () => new CommandHandler(store, steeringDecider);
    const line = new QueueJournal(store, Date.now, (_moves, error) => {
      throw error;
    });
    const now = async () => {
      const { admittedMax, draining } = steeringOf(await steering().state(steeringStream), '');
      return { admittedMax, draining, places: (await line.read()).map(({ userId }) => userId) };
    };
    try {
      const who = { by: 'kim', reason: 'a test', at: new Date().toISOString() };
      const change = { admittedMax: 2, draining: true };
      await steering().execute(
        steeringStream,
        { type: 'SteerQueue', room: '', change, clear: false, ...who },
        { commandId: randomUUID() },
      );
      const atMs = Date.now();
      line.note(['enrolled', 'inside', atMs * 1_000, atMs]);
      line.note(['admitted', 'inside', atMs * 1_000, atMs]);
      line.note(['enrolled', 'waiting', atMs * 1_000 + 1, atMs]);
      await line.flush();
      const used = { admittedMax: 2, draining: true, places: ['inside', 'waiting'] };
      expect(await now()).to.deep.equal(used);

      await emptyShopLine(server.url);
      expect(await now()).to.deep.equal({ admittedMax: null, draining: false, places: [] });
    } finally {
      await store.close();
      await server.stop();
    }
  });
});
