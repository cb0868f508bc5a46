import Mocha from 'mocha';

/**
 * TEST_TIMEOUT_FACTOR: mocha waits so many times as long for each test and hook as its file says, 1
 * unless it is set. For a machine with much else to do, and for real servers, which take seconds to
 * start. What a test asserts stays.
 */
const factor = Number(process.env.TEST_TIMEOUT_FACTOR ?? '1');
if (!(factor >= 1)) throw new Error('TEST_TIMEOUT_FACTOR must be a number from 1 on');

const { prototype } = Mocha.Runnable;
const original = prototype.timeout as (this: Mocha.Runnable, ms?: number | string) => unknown;

/**
 * Mocha's timer asks without an argument; what is set, and handed on from suite to suite, is left
 * as it is.
 */
function timeout(this: Mocha.Runnable, ...set: [] | [number | string]): unknown {
  return set.length === 0 ? Number(original.call(this)) * factor : original.call(this, ...set);
}

prototype.timeout = timeout as typeof prototype.timeout;
