import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { pause } from '../../src/support/pause.ts';
import { valueWithin, within } from '../../src/support/time-limit.ts';

const never = () => new Promise<never>(() => {});
const messageOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: Error) => error.message,
  );
const fail = () => {
  throw new Error('too late');
};

describe('a time limit', () => {
  it('gives the work’s outcome when it comes in time', async () => {
    expect(await within(1_000, Promise.resolve(1), fail)).to.equal(1);
    expect(await messageOf(within(1_000, Promise.reject(new Error('own')), fail))).to.equal('own');
  });

  it('gives what is said of late work, or throws it', async () => {
    expect(await within(5, never(), () => 'late')).to.equal('late');
    expect(await messageOf(within(5, never(), fail))).to.equal('too late');
  });

  it('takes a limit that is over already for one that ends at once', async () => {
    expect(await within(-1, never(), () => 'late')).to.equal('late');
  });

  it('drops the later error of the work', async () => {
    let unhandled: unknown;
    const note = (error: unknown) => {
      unhandled = error;
    };
    process.once('unhandledRejection', note);
    const work = sleep(10).then(() => {
      throw new Error('after the limit');
    });
    expect(await within(1, work, () => 'late')).to.equal('late');
    await sleep(20);
    process.off('unhandledRejection', note);
    expect(unhandled).to.equal(undefined);
  });

  it('leaves no timer behind that keeps the process', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
    const before = timers();
    for (let i = 0; i < 50; i++) await within(60_000, Promise.resolve(), fail);
    // Others have timers, too: the test runner.
    expect(timers()).to.be.below(before + 25);
  });

  it('ends with the reason of a signal, also of one that was aborted before', async () => {
    const abort = new AbortController();
    const ended = messageOf(within(60_000, never(), fail, abort.signal));
    abort.abort(new Error('stopped'));
    expect(await ended).to.equal('stopped');
    expect(await messageOf(within(60_000, never(), fail, abort.signal))).to.equal('stopped');
  });

  it('makes undefined of late work and of work that failed', async () => {
    expect(await valueWithin(1_000, Promise.resolve('x'))).to.equal('x');
    expect(await valueWithin(1_000, Promise.reject(new Error('own')))).to.equal(undefined);
    expect(await valueWithin(5, never())).to.equal(undefined);
  });
});

describe('a pause', () => {
  it('is as long as it is asked to be, and ends without an error when the signal aborts', async () => {
    const fromMs = performance.now();
    await pause(20);
    expect(performance.now() - fromMs).to.be.at.least(18);
    const abort = new AbortController();
    const ended = pause(60_000, abort.signal);
    abort.abort();
    await ended;
    await pause(60_000, abort.signal);
  });
});
