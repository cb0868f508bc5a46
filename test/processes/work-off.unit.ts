import { expect } from 'chai';
import { type WorkList, workOff } from '../../src/processes/work-off.ts';
import { eventually } from '../support/eventually.ts';
import { StoppedClock } from '../support/stopped-clock.ts';

describe('working off a list', () => {
  let clock: StoppedClock;
  let stop: AbortController;
  let ended: Promise<void> | undefined;
  let errors: string[];
  /** What is still to be done; `done` takes out of it. */
  let items: string[];
  /** Limits that the list was asked with. */
  let limits: number[];
  beforeEach(() => {
    clock = new StoppedClock();
    stop = new AbortController();
    [errors, items, limits] = [[], [], []];
  });
  afterEach(async () => {
    stop.abort();
    await ended;
    clock.restore();
  });

  function start(work: WorkList<string>['work'], options: Partial<WorkList<string>> = {}): void {
    ended = workOff({
      what: 'test',
      list: async (limit, offset) => {
        limits.push(limit);
        return items.slice(offset, offset + limit);
      },
      keyOf: (item) => item,
      work,
      concurrencyMax: 2,
      idleMs: 5,
      signal: stop.signal,
      onError: (what, error) => errors.push(`${what}: ${(error as Error).message}`),
      ...options,
    });
  }
  const names = (count: number, prefix: string) =>
    Array.from({ length: count }, (_, n) => `${prefix}${n}`);

  /** Every item that does not begin with `bad` is done; the others `fail`. */
  function startWithBad(fail: () => Promise<boolean>, options: Partial<WorkList<string>> = {}) {
    const done: string[] = [];
    start(async (item) => {
      if (item.startsWith('bad')) return fail();
      done.push(item);
      items.splice(items.indexOf(item), 1);
      return true;
    }, options);
    return done;
  }
  const broken = () => Promise.reject(new Error('unreadable'));
  const moreRounds = () => {
    const before = limits.length;
    return eventually('more rounds', () => limits.length > before + 3);
  };

  it('does the others when more fail than are worked on at once, and again what failed', async () => {
    items = [...names(10, 'bad'), ...names(20, 'good')];
    const done = startWithBad(broken);
    await eventually('the good ones are done', () => done.length === 20);
    expect(items).to.deep.equal(names(10, 'bad'));
    expect(errors.slice(0, 6)).to.deep.equal([
      ...names(5, 'bad').map((name) => `test: ${name}: unreadable`),
      'test: 5 more of 30 failed',
    ]);
    expect(errors, 'told once').to.have.length(6);
  });

  it('tries again what failed, each time after twice as long, and tells of it once', async () => {
    items = ['bad'];
    let tries = 0;
    startWithBad(() => {
      tries += 1;
      return broken();
    });
    for (const [tried, againMs] of [
      [1, 1_000],
      [2, 2_000],
      [3, 4_000],
    ] as const) {
      await eventually(`try ${tried}`, () => tries === tried);
      await moreRounds();
      clock.pass(againMs - 1);
      await moreRounds();
      expect(tries, `${againMs - 1} ms later`).to.equal(tried);
      clock.pass(1);
    }
    await eventually('the last try', () => tries === 4);
    expect(errors).to.deep.equal(['test: bad: unreadable']);
  });

  it('does one behind thousands that are hopeless', async () => {
    items = [...names(6_100, 'bad'), 'good'];
    const done = startWithBad(broken);
    await eventually('the good one is done', () => done.length === 1);
    items.push('late');
    await eventually('and one that comes later', () => done.length === 2);
    expect(errors.length, 'reports').to.be.lessThan(100);
  });

  it('does the others when those that fail fill more than a round', async () => {
    items = [...names(1_200, 'bad'), ...names(20, 'good')];
    const done = startWithBad(broken);
    await eventually('the good ones are done', () => done.length === 20);
    expect(errors.length, 'reports').to.be.lessThan(30);
  });

  it('does the others when some hang, and leaves those alone until they end', async () => {
    items = [...names(4, 'bad'), ...names(20, 'good')];
    const hung: ((isDone: boolean) => void)[] = [];
    const hang = () => new Promise<boolean>((resolve) => hung.push(resolve));
    const done = startWithBad(hang, { itemMsMax: 30 });
    await eventually('the good ones are done', () => done.length === 20);
    // The other lane may wait for the last one that hangs when the good ones are done.
    await eventually('the last one that hangs is left alone', () => errors.length >= 4);
    expect(errors).to.deep.equal(names(4, 'bad').map((name) => `test: ${name}: not over in 30 ms`));
    clock.pass(60_000);
    await moreRounds();
    expect(hung.length, 'begun').to.equal(4);
    for (const end of hung.splice(0)) end(false);
    await moreRounds();
    expect(hung.length, 'begun again at once').to.equal(0);
    clock.pass(1_000);
    await eventually('they are begun again', () => hung.length === 4);
    for (const end of hung) end(true);
  });

  it('does once what its list shows for a while after it is done, and goes on meanwhile', async () => {
    items = names(1_100, 'late');
    const done: string[] = [];
    start(async (item) => {
      done.push(item);
      return true;
    });
    await eventually('all are done', () => done.length === 1_100);
    await moreRounds();
    expect(done).to.deep.equal(names(1_100, 'late'));
    expect(Math.max(...limits)).to.equal(500);
  });
});
