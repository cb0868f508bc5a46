import { expect } from 'chai';
import { accountDecider } from '../../src/commands/account/decider.ts';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';

const everyEvents = 10;

describe('a snapshot of a stream', () => {
  it('is looked at again after as many events when it was no time for it, not with every command', async () => {
    let looks = 0;
    let isTime = false;
    const store = new MemoryEventStore();
    const { snapshot } = accountDecider;
    const handler = new CommandHandler(store, {
      ...accountDecider,
      snapshot: {
        types: snapshot.types,
        everyEvents,
        of(state) {
          looks += 1;
          return isTime ? snapshot.of(state) : [];
        },
      },
    });
    let charges = 0;
    const charge = async (times: number) => {
      for (const end = charges + times; charges < end; charges += 1) {
        const command = { chargeId: `c${charges}`, amount: 1, currency: 'KRW', nowMs: 0 };
        await handler.execute('account-u1', { type: 'ChargeBalance', ...command }, context);
      }
    };
    const summaries = () => store.log.filter(({ type }) => type === 'AccountSummarised').length;

    await charge(35);
    expect(looks, 'at 10, 20 and 30').to.equal(3);
    isTime = true;
    await charge(4);
    expect(summaries()).to.equal(0);
    await charge(1);
    expect(summaries(), 'at 40').to.equal(1);
    await charge(9);
    expect(summaries()).to.equal(1);
    await charge(1);
    expect(summaries(), 'as many events later').to.equal(2);
    expect((await handler.state('account-u1', { fresh: true })).balance).to.equal(50);
  });
});

const context = { commandId: 'test' };
