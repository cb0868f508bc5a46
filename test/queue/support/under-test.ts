import type { QueueSettings, WaitingQueue } from '../../../src/queue/waiting-queue.ts';
import { type OpenQueue, TestClock, testSettings } from './times.ts';

/** The queue of a test, and its clock. */
export interface UnderTest {
  queue: WaitingQueue;
  clock: TestClock;
  start(settings?: Partial<QueueSettings>): Promise<void>;
  /** Closes it, so that a test can start another. */
  end(): Promise<void>;
}

/**
 * A queue for each test of the `describe` around it: a test starts it, and it is closed afterwards.
 * @param open undefined where there is nothing to run it on: then the tests are skipped
 */
export function underTest(open: OpenQueue | undefined): UnderTest {
  let close: (() => Promise<void>) | undefined;
  const test = {
    clock: new TestClock(),
    async start(settings: Partial<QueueSettings> = {}) {
      test.clock = new TestClock();
      const merged = { ...testSettings, ...settings };
      const opened = await (open as OpenQueue)(merged, test.clock.now);
      test.queue = opened.queue;
      close = opened.close;
    },
    async end() {
      await close?.();
      close = undefined;
    },
  } as UnderTest;
  before(function () {
    if (open === undefined) this.skip();
  });
  afterEach(() => test.end());
  return test;
}
