/**
 * Mocha takes an unhandled rejection of the code under test lightly; in production it ends the
 * process.
 */

/** What escaped, each with the test that ran. Mocha hands some on to us twice. */
const escaped = new Map<unknown, string>();
let running = 'before the first test';
const note = (reason: unknown): void => {
  if (!escaped.has(reason)) escaped.set(reason, running);
};

/**
 * Hooks of the whole run, which fails at its end when a rejection escaped. At once would end it for
 * all other tests.
 */
export const mochaHooks = {
  beforeAll(this: Mocha.Context): void {
    process.on('unhandledRejection', note);
    // After the hooks of the test files: where one fails, those after it are not run, and what they
    // stop would run on.
    this.test?.parent?.afterAll('no rejection escaped', check);
  },
  beforeEach(this: Mocha.Context): void {
    running = this.currentTest?.fullTitle() ?? '';
  },
};

function check(): void {
  process.off('unhandledRejection', note);
  const [first] = escaped;
  if (first === undefined) return;
  const during = [...escaped.values()].join('; ');
  throw new Error(`rejections escaped during: ${during}`, { cause: first[0] });
}
