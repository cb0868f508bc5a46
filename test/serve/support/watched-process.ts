import inspector from 'node:inspector';
import { watchEventLoop } from '../../../src/serve/watchdog.ts';

/** A process whose event loop is watched, and that does what its argument says. */
const [what, hangMs = '1000', lateMs = '3000'] = process.argv.slice(2);

const blockFor = (ms: number): void => {
  for (const endMs = performance.now() + ms; performance.now() < endMs; );
};

watchEventLoop(Number(hangMs), { instance: 'one' }, Number(lateMs));
const alive = setInterval(() => console.log('alive'), 100);

const deeds: Readonly<Record<string, () => void>> = {
  blocks: () => blockFor(Number.POSITIVE_INFINITY),
  waits: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  // As long as a collection of much garbage.
  pauses: () => blockFor(Number(hangMs) / 2),
  isDebugged: () => {
    inspector.open(0, '127.0.0.1');
    setTimeout(() => {
      blockFor(3 * Number(hangMs));
      console.log('went on');
    }, 500);
  },
  collects: () => {
    // Much garbage that lives for a while, in steps that each are shorter than the bound.
    let kept: object[][] = [];
    let rounds = 0;
    const collect = setInterval(() => {
      kept.push(Array.from({ length: 100_000 }, (_, at) => ({ at, text: String(at) })));
      if (kept.length > 10) kept = [];
      global.gc?.();
      rounds += 1;
      if (rounds < 40) return;
      clearInterval(collect);
      console.log('went on');
    }, 20);
  },
  idles: () => {},
  ends: () => clearInterval(alive),
};
setTimeout(() => deeds[what ?? '']?.(), 500);
