import { expect } from 'chai';
import { Turns } from './support/turns.ts';
import { World } from './support/world.ts';

const reserve = { do: 'reserve', user: 'u1', seats: ['A-1-1'], on: 0, as: 'c1' } as const;
const pay = { do: 'pay', user: 'u1', nth: 0, on: 0, part: false } as const;
const cancel = { do: 'cancel', user: 'u1', nth: 0, on: 0, part: false } as const;

/**
 * Sold, then killed before the capture; given back, then killed before the refund. The payment is
 * still held then, and was once released as if the seat had never been sold: a summary leaves such
 * payments out, and the next cancel of the same reservation would have refunded it once more.
 */
describe('a sold seat that was given back before its payment was captured', () => {
  it('is refunded by the payment, which is not released', async () => {
    const world = new World(new Turns([]), [0]);
    await world.run({ do: 'charge', user: 'u1', amount: 170, key: 'k', on: 0 });
    await world.run(reserve);
    await world.run({ do: 'crash', on: 0, after: 1, written: true });
    await world.run(pay);
    await world.run({ do: 'crash', on: 0, after: 0, written: true });
    await world.run(cancel);
    expect(world.audit().payments.get('pay.s1.A-1-1.1')?.status).to.equal('held');
    await world.recover();
    const types = world.store.log.map(({ type }) => type);
    expect(types.slice(-4)).to.deep.equal([
      'SeatSold',
      'SeatReleased',
      'PaymentCaptured',
      'PaymentRefunded',
    ]);
    const [again] = await world.run(cancel);
    expect(again?.ok).to.equal(true);
    expect(world.audit().accounts.get('u1')).to.deep.equal({ balance: 170, held: 0 });
    expect(world.audit().violations).to.deep.equal([]);
  });
});
