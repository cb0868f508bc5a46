/** Mocha takes an unhandled rejection of the code under test lightly; in production it ends the process. */

const escaped: unknown[] = [];
const note = (reason: unknown): void => {
  escaped.push(reason);
};

/** A hook of the whole run: the test during which a rejection escaped fails. */
export const mochaHooks = {
  beforeAll(): void {
    process.on('unhandledRejection', note);
  },
  afterEach(): void {
    const [first] = escaped.splice(0);
    if (first !== undefined) throw new Error('a rejection escaped', { cause: first });
  },
  afterAll(): void {
    process.off('unhandledRejection', note);
  },
};
