/**
 * `npm run test:real`: the tests that use an event store, on nodes of a real EventStoreDB. The
 * tests start these nodes with EVENTSTORE_BIN. First, each file runs on its own node. Then the
 * tests of whole services and of outages run on clusters of three nodes.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from './lanes/build.ts';

const mocha = path.join(
  path.dirname(createRequire(import.meta.url).resolve('mocha')),
  'bin/mocha.js',
);

const runs: Readonly<Record<'1' | '3', readonly string[]>> = {
  '1': [
    'test/{commands,conformance,correctness,e2e,infrastructure,instances,processes,support,verify}/**/*.{int,e2e,conformance}.ts',
    'test/{alarm,backup,clock,incidents,releases}/**/*.{int,e2e}.ts',
    'test/projections/{*.e2e,other-log.int,retry.int}.ts',
    'test/eventstore/crash.e2e.ts',
    'test/http/deadline.int.ts',
  ],
  '3': [
    'test/instances/*.e2e.ts',
    'test/e2e/crash.e2e.ts',
    'test/e2e/outage.e2e.ts',
    'test/infrastructure/eventstoredb-outage.int.ts',
  ],
};

/** A node takes some seconds to start, and so does an election. */
const timeoutFactor = '3';

function mustBeExecutable(bin: string | undefined): void {
  try {
    if (!bin) throw new Error('it is not set');
    accessSync(bin, constants.X_OK);
  } catch (error) {
    const why = (error as Error).message;
    console.error(
      `Set EVENTSTORE_BIN to the executable of an EventStoreDB, 24.6 or later (${why}).`,
    );
    process.exit(1);
  }
}

/** @returns mocha's exit code: the number of failed tests */
async function run(nodes: '1' | '3'): Promise<number> {
  console.log(`\nnodes of EVENTSTORE_BIN: ${nodes}`);
  const child = spawn(process.execPath, [mocha, ...runs[nodes]], {
    env: { TEST_TIMEOUT_FACTOR: timeoutFactor, ...process.env, EVENTSTORE_NODES: nodes },
    stdio: 'inherit',
  });
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

mustBeExecutable(process.env.EVENTSTORE_BIN);
await build();
const failed = (await run('1')) + (await run('3'));
process.exitCode = failed === 0 ? 0 : 1;
