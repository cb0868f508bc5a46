import { expect } from 'chai';
import { eventAt } from '../../src/events/log-position.ts';
import type { Step } from '../../src/projections/log-step.ts';
import { accountTable } from '../../src/projections/models/account/projection.ts';
import { concertTable } from '../../src/projections/models/concert/projection.ts';
import { ensure, patch, put, type RowChange } from '../../src/projections/models/row-change.ts';
import { seatTable } from '../../src/projections/models/seat/projection.ts';
import { sessionTable } from '../../src/projections/models/session/projection.ts';
import { Account, accountEntries, accountEntry } from '../../src/queries/account.ts';
import { concertListEntries } from '../../src/queries/concert-list.ts';
import { type Loaded, Mirror } from '../../src/queries/mirror.ts';
import { ReadSideUnavailable } from '../../src/queries/read-side.ts';
import { seatMapEntries } from '../../src/queries/seat-map.ts';

const zero = (userId: string) => ({ user_id: userId, balance: 0, held: 0, currency: 'KRW' });

/** An event that adds 1 to a user's balance. */
const charge = (position: bigint, userId = 'u'): Step => ({
  position: eventAt(position),
  createdMs: 0,
  isEvent: true,
  changes: [ensure(accountTable, zero(userId)), patch(accountTable, [userId], {}, { balance: 1 })],
});

/** The account as a snapshot after `position`, when each position up to it added 1. */
const snapshot = (position: bigint, userId = 'u'): Loaded<Account> => ({
  entry: new Account({ ...zero(userId), balance: Number(position) }),
  position,
});

/** A load that is answered by hand. */
function byHand() {
  const answers: ((loaded: Loaded<Account>) => void)[] = [];
  const load = () => new Promise<Loaded<Account>>((resolve) => answers.push(resolve));
  return { load, answers };
}

describe('the mirror', () => {
  const name = accountEntry('u');
  const limits = { rowsMax: 3, replayStepsMax: 5 };
  const balance = async (account: Promise<Account>) => (await account).row?.balance;
  const never = () => Promise.reject(new Error('must not be loaded'));

  it('loads an entry once and then changes it', async () => {
    const mirror = new Mirror([accountEntries], limits);
    await mirror.get(name, async () => snapshot(3n));
    mirror.committed([charge(4n), charge(5n)]);
    expect(await balance(mirror.get<Account>(name, never))).to.equal(5);
  });

  it('gives a change to the entries that it is about, and to no other', async () => {
    const mirror = new Mirror([accountEntries], limits);
    await mirror.get(accountEntry('u'), async () => snapshot(3n));
    await mirror.get(accountEntry('v'), async () => snapshot(3n, 'v'));
    mirror.committed([charge(4n, 'v'), charge(5n, 'w')]);
    expect(mirror.peek<Account>(accountEntry('u'))?.row?.balance).to.equal(3);
    expect(mirror.peek<Account>(accountEntry('v'))?.row?.balance).to.equal(4);
  });

  it('knows by its kinds which entries a change of a table is about', () => {
    const seat = patch(seatTable, ['s', '1'], { status: 'held' });
    const session = patch(sessionTable, ['s'], { version: '1' });
    const kinds = { concertListEntries, seatMapEntries, accountEntries };
    const about = (change: RowChange) =>
      Object.entries(kinds).flatMap(([kind, { tables, keysOf }]) =>
        tables.includes(change.table) ? [`${kind}: ${keysOf(change)}`] : [],
      );
    expect(about(seat)).to.deep.equal(['seatMapEntries: seats s']);
    expect(about(session)).to.deep.equal([
      'concertListEntries: concert-list',
      'seatMapEntries: seats s',
    ]);
    expect(about(ensure(accountTable, zero('u')))).to.deep.equal(['accountEntries: account u']);
    const row = { concert_id: 'c', title: 'C', venue: null, version: '1' };
    expect(about(put(concertTable, [row]))).to.deep.equal(['concertListEntries: concert-list']);
  });

  it('does not count again what the snapshot had', async () => {
    const mirror = new Mirror([accountEntries], limits);
    await mirror.get(name, async () => snapshot(5n));
    mirror.committed([charge(4n), charge(5n), charge(6n)]);
    expect(await balance(mirror.get<Account>(name, never))).to.equal(6);
  });

  it('misses nothing that is committed while it loads', async () => {
    const mirror = new Mirror([accountEntries], limits);
    const { load, answers } = byHand();
    const both = [mirror.get(name, load), mirror.get(name, load)];
    mirror.committed([charge(4n), charge(5n)]);
    answers[0]?.(snapshot(4n));
    expect(await Promise.all(both.map(balance))).to.deep.equal([5, 5]);
    expect(answers).to.have.length(1);
  });

  it('does not keep what a server that is behind has: it is asked again, and then refused', async () => {
    let shown = 5n;
    const mirror = new Mirror([accountEntries], limits, () => shown);
    let asked = 0;
    const replica = (positions: readonly bigint[]) => async () => {
      asked += 1;
      return snapshot(positions[asked - 1] ?? 0n);
    };
    expect(await balance(mirror.get(name, replica([4n, 4n, 5n])))).to.equal(5);
    expect(asked).to.equal(3);
    shown = 9n;
    asked = 0;
    const other = new Mirror([accountEntries], limits, () => shown);
    const refused = await other.get(name, replica([8n, 8n, 8n, 8n])).catch((error) => error);
    expect(refused).to.be.instanceOf(ReadSideUnavailable);
    expect(refused.message).to.contain('standby');
    expect(await balance(other.get(name, async () => snapshot(9n)))).to.equal(9);
  });

  it('loads again when more was committed meanwhile than it keeps, and gives up in the end', async () => {
    const mirror = new Mirror([accountEntries], limits);
    const { load, answers } = byHand();
    const account = mirror.get(name, load);
    const many = (from: bigint) => Array.from({ length: 6 }, (_, n) => charge(from + BigInt(n)));
    mirror.committed(many(1n));
    answers[0]?.(snapshot(0n));
    await new Promise(setImmediate);
    expect(answers).to.have.length(2);
    answers[1]?.(snapshot(6n));
    expect(await balance(account)).to.equal(6);

    const other = mirror.get(accountEntry('v'), async () => {
      await new Promise(setImmediate);
      mirror.committed(many(7n));
      return snapshot(0n, 'v');
    });
    expect(await other.catch((error: unknown) => error)).to.be.instanceOf(ReadSideUnavailable);
  });

  it('forgets all on a reset, also what is being loaded', async () => {
    const mirror = new Mirror([accountEntries], limits);
    const { load, answers } = byHand();
    await mirror.get(accountEntry('v'), async () => snapshot(9n, 'v'));
    const account = mirror.get(name, load);
    mirror.reset();
    answers[0]?.(snapshot(9n));
    await new Promise(setImmediate);
    answers[1]?.(snapshot(2n));
    expect(await balance(account)).to.equal(2);
    expect(mirror.peek(accountEntry('v'))).to.equal(undefined);
  });

  it('keeps no more than its bound: what was not read for longest goes', async () => {
    const mirror = new Mirror([accountEntries], limits);
    for (const id of ['a', 'b', 'c'])
      await mirror.get(accountEntry(id), async () => snapshot(1n, id));
    mirror.peek(accountEntry('a'));
    await mirror.get(accountEntry('d'), async () => snapshot(1n, 'd'));
    const kept = ['a', 'b', 'c', 'd'].filter((id) => mirror.peek(accountEntry(id)) !== undefined);
    expect(kept).to.deep.equal(['a', 'c', 'd']);
  });

  it('keeps no failure', async () => {
    const mirror = new Mirror([accountEntries], limits);
    const failed = mirror.get(name, () => Promise.reject(new Error('away')));
    expect(await failed.catch((error: Error) => error.message)).to.equal('away');
    expect(await balance(mirror.get(name, async () => snapshot(2n)))).to.equal(2);
  });
});
