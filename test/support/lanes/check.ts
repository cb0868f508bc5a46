/**
 * `npm run check`: the linter and the types beside the lanes of the unit tests. All of them run to
 * their end, whatever fails. Exit code: 0 when all passed.
 */
import { exec } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Results } from './results.ts';
import { runKinds } from './run.ts';

/** Longest time of the linter, or of the types, in milliseconds. */
const programMaxMs = 5 * 60_000;

/** A program's output that is longer ends it, which is a failure. */
const outputBytesMax = 16 * 1024 * 1024;

const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

/** As npm has it, whose own start takes half a second of CPU. */
const searched = [path.resolve('node_modules/.bin'), process.env.PATH ?? ''].join(path.delimiter);

/** Runs a script of package.json; prints what it says when it fails. */
function script(name: string): () => Promise<void> {
  const command = scripts[name];
  if (command === undefined) throw new Error(`package.json has no script ${name}`);
  return () =>
    new Promise((resolve) => {
      const sinceMs = performance.now();
      const env = { ...process.env, PATH: searched };
      const options = { env, timeout: programMaxMs, maxBuffer: outputBytesMax };
      exec(command, options, (error, stdout, stderr) => {
        const failures = error === null ? [] : [`npm run ${name}:\n${stdout}${stderr}`];
        const seconds = (performance.now() - sinceMs) / 1_000;
        const passed = error === null ? 1 : 0;
        results.report({ file: `npm run ${name}`, passed, pending: 0, failures, seconds });
        resolve();
      });
    });
}

const results = new Results();
await runKinds(['unit'], results, [script('lint'), script('types')]);
process.exitCode = results.summarize();
