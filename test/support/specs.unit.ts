import { AssertionError, expect } from 'chai';
import { orderDecider } from '../../src/commands/order/decider.ts';
import { ProjectionSpec } from '../projections/support/projection-spec.ts';
import { DeciderSpec } from './decider-spec.ts';
import { balanceCharged, currency, holdEndsAt, orderConfirmed, orderPlaced } from './events.ts';

describe('the spec of a decider', () => {
  const { given } = new DeciderSpec(orderDecider);
  const placed = orderPlaced({
    ...{ reservationId: 'order.o1', sessionId: 's1', userId: 'u1', price: 2, currency },
    seats: ['A-1-1', 'A-1-2'].map((seatId) => ({ seatId, price: 1 })),
    expiresAt: holdEndsAt,
  });
  const confirmed = () => given([placed]).when({ type: 'ConfirmOrder' });
  const refused = () => given([]).when({ type: 'ConfirmOrder' });

  it('fails by other events than those that are written, and by a refusal', () => {
    confirmed().thenWrites([orderConfirmed()]);
    for (const events of [[], [placed], [orderConfirmed(), placed]]) {
      expect(() => confirmed().thenWrites(events)).to.throw(AssertionError);
    }
    expect(() => refused().thenWrites([])).to.throw(AssertionError, 'refused');
  });

  it('fails by another code, and by what is not refused', () => {
    refused().thenRefused('reservation-not-found');
    expect(() => refused().thenRefused('hold-expired')).to.throw(AssertionError);
    expect(() => confirmed().thenRefused('hold-expired')).to.throw(AssertionError);
  });
});

describe('the spec of the projections', () => {
  const charged = balanceCharged('c', 5, 5);
  const given = () => ProjectionSpec.given({ stream: 'account-u1', event: charged });

  it('fails by other rows, fewer rows and more rows', () => {
    given().thenRows('account', [{ balance: '5', held: '0' }]);
    for (const rows of [[], [{ balance: '6' }], [{ balance: '5' }, { balance: '5' }]]) {
      expect(() => given().thenRows('account', rows)).to.throw(AssertionError);
    }
    expect(() => given().thenRows('accounts', [])).to.throw('there is no table accounts');
  });

  it('fails by events that can be read', () => {
    expect(() => given().thenUnreadable('')).to.throw(AssertionError);
  });
});
