import { expect } from 'chai';
import type { FilterOptions } from '../../embedded/eventstore/codec/read-request.ts';
import { eventFilter } from '../../embedded/eventstore/subscriptions/filter.ts';

const filter = (options: Partial<FilterOptions>) =>
  eventFilter({
    on: 'stream',
    regex: '',
    prefixes: [],
    window: 32,
    checkpointInterval: 32,
    ...options,
  });

describe('event store: filters', () => {
  it('prefixes look at the stream or at the type, any of them will do', () => {
    const byStream = filter({ prefixes: ['seat-', 'account-'] });
    expect(byStream('seat-1/A1', 'SeatSold')).to.equal(true);
    expect(byStream('account-7', 'SeatSold')).to.equal(true);
    expect(byStream('concert-1', 'seat-')).to.equal(false);
    const byType = filter({ on: 'type', prefixes: ['Seat'] });
    expect(byType('x', 'SeatSold')).to.equal(true);
    expect(byType('Seat', 'sold')).to.equal(false);
  });

  it('a pattern matches anywhere unless it is anchored, and wins over prefixes', () => {
    expect(filter({ regex: '^seat-\\d+$' })('seat-12', '')).to.equal(true);
    expect(filter({ regex: '^seat-\\d+$' })('seat-x', '')).to.equal(false);
    expect(filter({ regex: 'a' })('seat', '')).to.equal(true);
    const both = filter({ regex: '^account-', prefixes: ['seat-'] });
    expect(both('seat-1', '')).to.equal(false);
    expect(both('account-1', '')).to.equal(true);
  });

  it('the client’s filter for system events keeps them out', () => {
    const noSystem = filter({ on: 'type', regex: '^[^$].*' });
    expect(noSystem('s', '$metadata')).to.equal(false);
    expect(noSystem('$$s', 'Thing')).to.equal(true);
  });

  it('escapes that only lenient dialects know are no mistake, Unicode classes work', () => {
    expect(filter({ regex: '^seat\\-' })('seat-1', '')).to.equal(true);
    expect(filter({ regex: '^\\p{L}+$' })('좌석', '')).to.equal(true);
    expect(filter({ regex: '^\\p{L}+$' })('좌석-1', '')).to.equal(false);
  });

  it('nothing to match by lets nothing pass', () => {
    expect(filter({})('s', 't')).to.equal(false);
  });

  it('a pattern that is none is refused', () => {
    expect(() => filter({ regex: '(' })).to.throw(SyntaxError);
  });
});
