import Mocha from 'mocha';

/**
 * TEST_TIMEOUT_FACTOR, 1 by default: the time limits of all tests and hooks are multiplied by this
 * factor. Use it on a busy machine, and for real servers, which take seconds to start. The
 * assertions of the tests do not change.
 */
const factor = Number(process.env.TEST_TIMEOUT_FACTOR ?? '1');
if (!(factor >= 1)) throw new Error('TEST_TIMEOUT_FACTOR must be a number from 1 on');

const { prototype } = Mocha.Runnable;
const original = prototype.timeout as (this: Mocha.Runnable, ms?: number | string) => unknown;

/**
 * Mocha's timer calls this without an argument. Time limits that are set, and passed from suite to
 * suite, do not change.
 */
function timeout(this: Mocha.Runnable, ...set: [] | [number | string]): unknown {
  return set.length === 0 ? Number(original.call(this)) * factor : original.call(this, ...set);
}

prototype.timeout = timeout as typeof prototype.timeout;
