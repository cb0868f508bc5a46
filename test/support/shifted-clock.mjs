import { readFileSync } from 'node:fs';

/**
 * Loaded before a service (NODE_OPTIONS=--import …): its wall clock, and that of its embedded event
 * store, are ahead by as many milliseconds as the files of CLOCK_SHIFT_SERVICE and
 * CLOCK_SHIFT_STORE say, from a moment after they were written.
 */

const [, program = ''] = process.argv;
const file = program.endsWith('reprise.js')
  ? process.env.CLOCK_SHIFT_SERVICE
  : /eventstore\/main\.[jt]s$/.test(program)
    ? process.env.CLOCK_SHIFT_STORE
    : undefined;

if (file) {
  const RealDate = globalThis.Date;
  const realNow = RealDate.now;
  let shiftMs = 0;
  const look = () => {
    try {
      shiftMs = Number(readFileSync(file, 'utf8'));
    } catch {
      // Not written yet.
    }
  };
  look();
  setInterval(look, 20).unref();
  RealDate.now = () => realNow() + shiftMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given) =>
      Reflect.construct(target, given.length === 0 ? [target.now()] : given),
  });
}
