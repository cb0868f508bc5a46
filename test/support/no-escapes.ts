/**
 * Mocha may ignore an unhandled rejection of the code under test. In production, it ends the
 * process.
 */

/**
 * The unhandled rejections, each with the test that was running. Mocha reports some of them twice.
 */
const escaped = new Map<unknown, string>();
let running = 'before the first test';
const note = (reason: unknown): void => {
  if (!escaped.has(reason)) escaped.set(reason, running);
};

/**
 * Hooks of the whole run. If there was an unhandled rejection, the run fails at its end. If it
 * failed immediately, all other tests would not run.
 */
export const mochaHooks = {
  beforeAll(this: Mocha.Context): void {
    process.on('unhandledRejection', note);
    // This hook comes after the hooks of the test files. If a hook fails, the later ones do not
    // run, and the servers that they stop would continue to run.
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
