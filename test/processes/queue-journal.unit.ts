import { expect } from 'chai';
import { QueueJournal } from '../../src/processes/queue-journal.ts';
import { InProcessQueue } from '../../src/queue/in-process-queue.ts';
import { notSteered } from '../../src/queue/queue-control.ts';
import { inOrderOf, lotOf } from '../queue/support/lot-contract.ts';
import { TestClock, testSettings } from '../queue/support/times.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';

describe('the journal of the waiting queue', () => {
  const store = new MemoryEventStore();
  const clock = new TestClock();
  const journals: QueueJournal[] = [];
  const lost: number[] = [];

  /** The queue of a process that starts now. */
  const begin = async (settings = testSettings, room = '') => {
    const journal = new QueueJournal(store, clock.now, (moves) => lost.push(moves), room);
    journals.push(journal);
    const onMove = (move: Parameters<QueueJournal['note']>[0]) => journal.note(move);
    const queue = new InProcessQueue(settings, { now: clock.now, chance: () => 0, onMove, room });
    queue.restore(await journal.read());
    return { queue, journal };
  };

  beforeEach(() => {
    clock.ms += 24 * 3_600_000;
  });
  after(() => Promise.all(journals.map((journal) => journal.flush())));

  it('keeps the order of the line, and who is inside, over a restart', async () => {
    const before = await begin();
    for (const user of ['a', 'b', 'c', 'd', 'e']) await before.queue.poll(user);
    await before.queue.poll('a');
    await before.journal.flush();
    clock.ms += 5_000;
    const { queue } = await begin();
    expect((await queue.poll('newcomer')).processing, 'two are inside').to.equal(false);
    expect(await queue.poll('e')).to.deep.include({ processing: false, ahead: 0 });
    expect(await queue.poll('c')).to.deep.include({ processing: false, ahead: 0 });
    expect((await queue.poll('e')).ahead).to.equal(1);
    expect((await queue.poll('newcomer')).ahead).to.equal(2);
    expect((await queue.poll('a')).processing, 'inside').to.equal(true);
    clock.ms += testSettings.claimMs;
    expect((await queue.poll('c')).processing, 'b did not come back').to.equal(true);
    expect((await queue.poll('e')).processing).to.equal(false);
  });

  it('has the order of a draw again, when the process dies before the sale opens', async () => {
    const settings = { ...testSettings, admittedMax: 3, waitingMs: 10_000_000 };
    const lot = lotOf(clock.ms, 1_000, 'cd'.repeat(32));
    const before = await begin(settings);
    before.queue.steer({ ...notSteered, revision: 0, lot: { ...lot, seed: '' } });
    const users = Array.from({ length: 10 }, (_, n) => `u-${n}`);
    for (const user of users) await before.queue.poll(user);
    before.queue.steer({ ...notSteered, revision: 1, lot });
    for (const user of users.slice(0, 5)) await before.queue.poll(user);
    await before.journal.flush();
    const { queue } = await begin(settings);
    queue.steer({ ...notSteered, revision: 1, lot });
    clock.ms = lot.opensAtMs - 1;
    for (const user of ['late', ...users]) {
      expect((await queue.poll(user)).processing).to.equal(false);
    }
    clock.ms += 1;
    const line = [...inOrderOf(lot, users), 'late'];
    for (const [at, user] of [...line.entries()].reverse()) {
      expect((await queue.poll(user)).processing, user).to.equal(at < 3);
    }
  });

  it('gives nobody a place back who left, was done, or waited when the line was cleared', async () => {
    const before = await begin({ ...testSettings, admittedMax: 1, claimMs: 1_000 });
    for (const user of ['done', 'left', 'cleared']) await before.queue.poll(user);
    await before.queue.shorten('done');
    clock.ms += 400_000;
    await before.queue.poll('cleared-too');
    await before.queue.poll('cleared');
    before.queue.steer(notSteered);
    before.queue.steer({ ...notSteered, revision: 0, clearedRevision: 0 });
    await before.journal.flush();
    const known = await before.journal.read();
    expect(known.map(({ userId }) => userId)).to.deep.equal(['cleared-too']);
  });

  it('takes over across the hour, with two instances that write at once', async () => {
    const [one, two] = [await begin(), await begin()];
    clock.ms += 3_599_000 - (clock.ms % 3_600_000);
    await one.queue.poll('x');
    await two.queue.poll('y');
    await Promise.all([one.journal.flush(), two.journal.flush()]);
    clock.ms += 2_000;
    await one.queue.poll('z');
    await two.queue.poll('w');
    await Promise.all([one.journal.flush(), two.journal.flush()]);
    const users = (await one.journal.read()).map(({ userId }) => userId);
    expect(users).to.have.members(['x', 'y', 'z', 'w']);
    expect(lost).to.deep.equal([]);
  });

  it('keeps each room by itself', async () => {
    for (const room of ['', 'gala']) {
      const { queue, journal } = await begin(testSettings, room);
      for (const user of ['a', 'b', `c-${room}`, `d-${room}`]) await queue.poll(user);
      await journal.flush();
    }
    for (const room of ['', 'gala']) {
      const { queue, journal } = await begin(testSettings, room);
      const users = (await journal.read()).map(({ userId }) => userId);
      expect(users).to.deep.equal(['a', 'b', `c-${room}`, `d-${room}`]);
      await queue.poll(`c-${room}`);
      expect(await queue.poll(`d-${room}`)).to.deep.include({ processing: false, ahead: 1 });
    }
    const { journal } = await begin(testSettings, 'another');
    expect(await journal.read()).to.deep.equal([]);
  });

  it('tells what the log did not take, and goes on', async () => {
    const failing = {
      append: () => Promise.reject(new Error('away')),
      readStream: store.readStream.bind(store),
    };
    const told: number[] = [];
    const journal = new QueueJournal(failing, clock.now, (moves) => told.push(moves));
    journal.note(['enrolled', 'a', 1, clock.ms]);
    journal.note(['enrolled', 'b', 2, clock.ms]);
    await journal.flush();
    expect(told).to.deep.equal([2]);
  });
});
