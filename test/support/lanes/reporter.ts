import { writeSync } from 'node:fs';
import path from 'node:path';
import { format } from 'node:util';
import Mocha from 'mocha';

/** What a lane's mocha says to who started it: a line of JSON each, on file descriptor 3. */
export type LaneMessage =
  | FileMessage
  | TestMessage
  | { readonly kind: 'begin' }
  | { readonly kind: 'end' };

/** A file's tests begin. */
interface FileMessage {
  readonly kind: 'file';
  readonly file: string;
}

/**
 * A test, or a hook that failed. `file` is its path from the root; `text` is mocha's own, of a
 * failure.
 */
interface TestMessage {
  readonly kind: 'test';
  readonly file: string;
  readonly outcome: 'passed' | 'pending' | 'failed';
  readonly text?: string;
}

const lane = 3;
const { Base } = Mocha.reporters;
const { EVENT_RUN_BEGIN, EVENT_RUN_END, EVENT_SUITE_BEGIN } = Mocha.Runner.constants;
const { EVENT_TEST_PASS, EVENT_TEST_PENDING, EVENT_TEST_FAIL } = Mocha.Runner.constants;

const say = (message: LaneMessage): void => {
  writeSync(lane, `${JSON.stringify(message)}\n`);
};

/** A hook of the whole run has no file of its own. */
const fileOf = ({ file }: { file?: string | undefined }): string =>
  file === undefined ? 'the whole run' : path.relative('.', file);

/** The mocha reporter of a lane. */
// biome-ignore lint/style/noDefaultExport: mocha takes a reporter as its file's default
export default class LaneReporter extends Base {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.once(EVENT_RUN_BEGIN, () => say({ kind: 'begin' }));
    runner.on(EVENT_SUITE_BEGIN, (suite) => {
      if (suite.parent?.root) say({ kind: 'file', file: fileOf(suite) });
    });
    runner.on(EVENT_TEST_PASS, (test) => {
      say({ kind: 'test', file: fileOf(test), outcome: 'passed' });
    });
    runner.on(EVENT_TEST_PENDING, (test) => {
      say({ kind: 'test', file: fileOf(test), outcome: 'pending' });
    });
    runner.on(EVENT_TEST_FAIL, (test) => {
      say({ kind: 'test', file: fileOf(test), outcome: 'failed', text: failureText(test) });
    });
    runner.once(EVENT_RUN_END, () => say({ kind: 'end' }));
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
