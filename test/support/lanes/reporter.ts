import { writeSync } from 'node:fs';
import { format } from 'node:util';
import Mocha from 'mocha';

/** What a lane's mocha says to who started it: a line of JSON each, on file descriptor 3. */
export type LaneMessage =
  | TestMessage
  /** The file before, if any, is done. The lane waits for the name of the next one. */
  | { readonly kind: 'next' }
  /** The next file is loaded, and its tests begin. */
  | { readonly kind: 'begin' };

/**
 * A test, or a hook that failed, of the file that the lane was given last. `text` is mocha's own,
 * of a failure.
 */
export interface TestMessage {
  readonly kind: 'test';
  readonly outcome: 'passed' | 'pending' | 'failed';
  readonly text?: string;
}

/** The suite whose test loads the next file. It is said only if it fails. */
export const nextFile = 'the next test file';

const lane = 3;
const { Base } = Mocha.reporters;
const { EVENT_TEST_PASS, EVENT_TEST_PENDING, EVENT_TEST_FAIL } = Mocha.Runner.constants;

/** Says something to who started the lane. */
export const say = (message: LaneMessage): void => {
  writeSync(lane, `${JSON.stringify(message)}\n`);
};

/** The mocha reporter of a lane. */
// biome-ignore lint/style/noDefaultExport: mocha takes a reporter as its file's default
export default class LaneReporter extends Base {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.on(EVENT_TEST_PASS, (test) => {
      if (test.parent?.title !== nextFile) say({ kind: 'test', outcome: 'passed' });
    });
    runner.on(EVENT_TEST_PENDING, () => say({ kind: 'test', outcome: 'pending' }));
    runner.on(EVENT_TEST_FAIL, (test) => {
      say({ kind: 'test', outcome: 'failed', text: failureText(test) });
    });
  }
}

/** What mocha prints of a failure. */
function failureText(test: Mocha.Test): string {
  const { consoleLog } = Base;
  const lines: string[] = [];
  Base.consoleLog = (...args: unknown[]) => lines.push(format(...args));
  try {
    Base.list([test]);
  } finally {
    Base.consoleLog = consoleLog;
  }
  return lines.join('\n').replace(/^\s*1\) /, '');
}
