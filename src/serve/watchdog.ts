import inspector from 'node:inspector';
import { Worker } from 'node:worker_threads';

/** Looks within the time that the event loop may stand still. */
const looksPerHang = 10;
/** Between two looks at most, in milliseconds. */
const lookMsMax = 1_000;
/**
 * A look that comes later than this says that the whole process stood still: it was stopped, the
 * machine slept, or there was no processor for it. Then nothing is known of the event loop. In
 * milliseconds.
 */
const lateMsMax = 3_000;
/** The last words may take so long to be written, in milliseconds. */
const wordsMs = 250;

/** What both threads share: how often the event loop came by, and whether somebody debugs it. */
const cells = { ticks: 0, isDebugged: 1, length: 2 } as const;

/**
 * Runs in a thread of its own, so that it goes on when the event loop does not. It counts its own
 * looks, and no time of a clock: a process that was stopped has looked no more often.
 */
const source = `
const { write } = require('node:fs');
const { workerData } = require('node:worker_threads');
const { shared, cells, lookMs, looksMax, lateMs, wordsMs, words } = workerData;
let [ticks, looks, lookedMs] = [-1, 0, performance.now()];
setInterval(() => {
  const [nowMs, now] = [performance.now(), Atomics.load(shared, cells.ticks)];
  const isLate = nowMs - lookedMs > lateMs;
  lookedMs = nowMs;
  const moves = now !== ticks || Atomics.load(shared, cells.isDebugged) === 1;
  ticks = now;
  looks = moves || isLate ? 0 : looks + 1;
  if (looks < looksMax) return;
  // Whoever reads the output may hang, too: it is not waited for.
  write(2, words, () => {});
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), wordsMs);
}, lookMs);
`;

/** Ends its thread. */
export interface Watchdog {
  stop(): Promise<void>;
}

/**
 * Ends this process by SIGKILL when its event loop stands still for `hangMs` (milliseconds), so
 * that a supervisor starts another one. Nothing that was acknowledged is lost, as by any crash. It
 * leaves a process alone that is debugged, that was stopped and goes on, or whose machine slept.
 * @param log what each line of the log has: the last words are one
 */
export function watchEventLoop(hangMs: number, log: Readonly<Record<string, unknown>>): Watchdog {
  const lookMs = Math.min(lookMsMax, hangMs / looksPerHang);
  const shared = new Int32Array(new SharedArrayBuffer(4 * cells.length));
  const tick = () => {
    Atomics.add(shared, cells.ticks, 1);
    Atomics.store(shared, cells.isDebugged, inspector.url() === undefined ? 0 : 1);
  };
  tick();
  const ticking = setInterval(tick, lookMs / 2).unref();
  const msg = `the event loop stood still for ${hangMs / 1_000} s: the process ends, to be started again`;
  const words = `${JSON.stringify({ level: 60, ...log, msg })}\n`;
  const worker = new Worker(source, {
    eval: true,
    // It needs nothing of what this process was started with.
    ...{ execArgv: [], env: {}, argv: [] },
    workerData: {
      ...{ shared, cells, lookMs, wordsMs, words },
      looksMax: Math.ceil(hangMs / lookMs),
      lateMs: lateMsMax,
    },
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
  });
  worker.unref();
  // Without it the service goes on as it would without the setting.
  worker.on('error', () => {});
  return {
    async stop() {
      clearInterval(ticking);
      await worker.terminate();
    },
  };
}
