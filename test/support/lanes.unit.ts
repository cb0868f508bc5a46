import { access } from 'node:fs/promises';
import { expect } from 'chai';
import { type FileResult, runLane } from './lanes/lane.ts';
import { share, suffixes, testFiles } from './lanes/plan.ts';
import { quietFiles } from './lanes/quiet.ts';

const fixture = (name: string): string => `test/support/fixtures/lane-${name}.ts`;

describe('test files in parallel lanes', () => {
  it('share the time, the longest first, and each file has one lane', () => {
    const seconds = { 'a.int.ts': 50, 'b.int.ts': 30, 'c.int.ts': 20, 'd.int.ts': 10 };
    expect(share(Object.keys(seconds), 2, seconds)).to.deep.equal([
      ['a.int.ts', 'd.int.ts'],
      ['b.int.ts', 'c.int.ts'],
    ]);
  });

  it('leave no lane empty', () => {
    expect(share(['a.unit.ts'], 4, {})).to.deep.equal([['a.unit.ts']]);
  });

  it('are all test files, and the quiet ones are among them', async () => {
    const files = await testFiles(suffixes);
    expect(files).to.include('test/support/lanes.unit.ts');
    expect(files).to.include.members([...quietFiles]);
    await Promise.all(files.map((file) => access(file)));
  });
});

describe('a lane', () => {
  const run = async (
    names: readonly string[],
    limits: { readonly maxMs?: number; readonly lastsMs?: number } = {},
  ): Promise<FileResult[]> => {
    const results: FileResult[] = [];
    const files = names.map(fixture);
    const options = { maxMs: 60_000, ...limits };
    await runLane('the lane', files, (result) => results.push(result), options);
    return results;
  };
  const shown = ({ file, passed, pending, failures }: FileResult) => [
    file,
    passed,
    pending,
    failures.length,
  ];

  it('tells what passed, what is pending and what failed, file by file', async () => {
    const results = await run(['passes', 'fails']);
    expect(results.map(shown)).to.deep.equal([
      [fixture('passes'), 1, 1, 0],
      [fixture('fails'), 1, 0, 1],
    ]);
    expect(results[1]?.failures[0]).to.include('another suite').and.to.include('as it must');
  });

  it('fails by a rejection that escaped', async () => {
    const results = await run(['rejects']);
    expect(results.map(shown)).to.deep.equal([
      [fixture('rejects'), 1, 0, 0],
      ['the whole run', 0, 0, 1],
    ]);
    expect(results[1]?.failures[0]).to.include('rejections escaped during');
  });

  it('fails when its process ends before its tests, even with exit code 0', async () => {
    const sinceMs = performance.now();
    const results = await run(['crashes', 'passes']);
    expect(performance.now() - sinceMs, 'waited for what it left').to.be.lessThan(29_000);
    expect(results.at(-1)?.failures).to.deep.equal(['the lane ended before its tests: 0']);
  });

  it('fails when a file has no test', async () => {
    const results = await run(['passes', 'empty']);
    expect(results.map(shown)).to.deep.equal([
      [fixture('passes'), 1, 1, 0],
      [fixture('empty'), 0, 0, 1],
    ]);
  });

  it('fails at its time limit, or soon after its last test, when something keeps its process alive', async () => {
    for (const [limits, said] of [
      [{ maxMs: 5_000 }, 'killed 5 s after its start'],
      [{ lastsMs: 500 }, 'killed 0.5 s after its last test'],
    ] as const) {
      const results = await run(['hangs'], limits);
      expect(results.at(-1)?.failures[0]).to.include(said);
    }
  });
});
