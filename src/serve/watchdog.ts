import inspector from 'node:inspector';
import { Worker } from 'node:worker_threads';

/** The number of looks within the allowed standstill of the event loop. */
const looksPerHang = 10;
/** Longest time between two looks, in milliseconds. */
const lookMsMax = 1_000;
/**
 * If a look is later than this, the whole process stood still. It was stopped, the machine slept,
 * or no processor was free. Then the state of the event loop is unknown. In milliseconds.
 */
const lateMsMax = 3_000;
/** The last line of the log may take this long, in milliseconds. */
const wordsMs = 250;

/**
 * The shared memory of both threads: the count of the event loop's turns, and whether a debugger is
 * attached.
 */
const cells = { ticks: 0, isDebugged: 1, length: 2 } as const;

/**
 * Runs in its own thread, so that it continues when the event loop hangs. It counts its own looks
 * instead of using a clock, because a stopped process makes no looks.
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
  // The reader of the output may hang, too. So the thread does not wait for it.
  write(2, words, () => {});
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), wordsMs);
}, lookMs);
`;

/** Ends its thread. */
export interface Watchdog {
  stop(): Promise<void>;
}

/**
 * Ends this process by SIGKILL if its event loop stands still for `hangMs` (milliseconds). Then a
 * supervisor starts another one. As after any crash, nothing that was acknowledged is lost. It does
 * not end a process in a debugger, a process that was stopped and continues, or a process whose
 * machine slept.
 * @param log the fields of each line of the log, for the last line
 * @param lateMs default 3,000
 */
export function watchEventLoop(
  hangMs: number,
  log: Readonly<Record<string, unknown>>,
  lateMs = lateMsMax,
): Watchdog {
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
    // The thread needs no options of this process.
    ...{ execArgv: [], env: {}, argv: [] },
    workerData: {
      ...{ shared, cells, lookMs, wordsMs, words },
      looksMax: Math.ceil(hangMs / lookMs),
      lateMs,
    },
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
  });
  worker.unref();
  // Without the thread, the service continues as if the setting were 0.
  worker.on('error', () => {});
  return {
    async stop() {
      clearInterval(ticking);
      await worker.terminate();
    },
  };
}
