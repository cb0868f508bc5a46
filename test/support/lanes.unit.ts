import { access } from 'node:fs/promises';
import { expect } from 'chai';
import { type FileResult, runLane } from './lanes/lane.ts';
import { filesOf, partsOf, secondRuns, secondRunsMax, suffixes, testFiles } from './lanes/plan.ts';
import { quietFiles } from './lanes/quiet.ts';
import { Results } from './lanes/results.ts';

const fixture = (name: string): string => `test/support/fixtures/lane-${name}.ts`;

describe('test files in parallel lanes', () => {
  it('share the time, the longest first, and each file has one lane', () => {
    const seconds = { 'a.int.ts': 50, 'b.int.ts': 30, 'c.int.ts': 20, 'd.int.ts': 10 };
    const files = ['c.int.ts', 'a.int.ts', 'd.int.ts', 'b.int.ts'];
    const parts = partsOf(files, seconds);
    expect(parts).to.deep.equal([['a.int.ts'], ['b.int.ts'], ['c.int.ts'], ['d.int.ts']]);
    const shared = parts.values();
    const [long, short] = [filesOf(shared), filesOf(shared)];
    const taken = [long, short, short, short, long, short].map((lane) => lane.next().value);
    expect(taken).to.deep.equal([
      ...['a.int.ts', 'b.int.ts', 'c.int.ts', 'd.int.ts'],
      ...[undefined, undefined],
    ]);
  });

  it('keep the short unit tests of a folder in one lane', () => {
    const short = [
      'test/a/1.unit.ts',
      'test/b/1.unit.ts',
      'test/a/2.unit.ts',
      'test/b/c/2.unit.ts',
    ];
    const long = ['test/a/3.unit.ts', 'test/b/3.unit.ts'];
    const seconds = { 'test/a/3.unit.ts': 10, 'test/b/3.unit.ts': 9.9 };
    const parts = partsOf([...short, ...long], seconds);
    expect(parts).to.deep.equal([
      ['test/a/3.unit.ts'],
      ['test/b/3.unit.ts'],
      ['test/a/1.unit.ts', 'test/a/2.unit.ts'],
      ['test/b/1.unit.ts', 'test/b/c/2.unit.ts'],
    ]);
    const shared = parts.slice(2).values();
    const [first, second] = [filesOf(shared), filesOf(shared)];
    const taken = [first, second, second, first].map((lane) => lane.next().value);
    expect(taken, 'by two lanes in turn').to.deep.equal([
      ...['test/a/1.unit.ts', 'test/b/1.unit.ts', 'test/b/c/2.unit.ts', 'test/a/2.unit.ts'],
    ]);
  });

  it('keep all unit tests of a folder in one lane if they are not long together', () => {
    const files = ['test/a/1.unit.ts', 'test/a/2.unit.ts', 'test/b/1.unit.ts'];
    const seconds = { 'test/a/1.unit.ts': 3, 'test/a/2.unit.ts': 2, 'test/b/1.unit.ts': 1 };
    expect(partsOf(files, seconds)).to.deep.equal([
      ['test/a/1.unit.ts', 'test/a/2.unit.ts'],
      ['test/b/1.unit.ts'],
    ]);
  });

  it('leave no lane empty', () => {
    expect(partsOf(['a.unit.ts'], {})).to.deep.equal([['a.unit.ts']]);
  });

  it('are all test files, and the quiet ones are among them', async () => {
    const files = await testFiles(suffixes);
    expect(files).to.include('test/support/lanes.unit.ts');
    expect(files).to.include.members([...quietFiles]);
    await Promise.all(files.map((file) => access(file)));
  });
});

describe('files that failed', () => {
  it('run again if they start servers, and never if they are of unit tests or correctness', () => {
    const failed = ['test/a.unit.ts', 'test/correctness/b.int.ts', 'test/c.e2e.ts'];
    expect(secondRuns(failed)).to.deep.equal(['test/c.e2e.ts']);
  });

  it('do not run again if they are many', () => {
    const failed = Array.from({ length: secondRunsMax + 1 }, (_, n) => `test/${n}.e2e.ts`);
    expect(secondRuns(failed.slice(1))).to.have.length(secondRunsMax);
    expect(secondRuns(failed)).to.deep.equal([]);
  });

  const [late, wrong] = ['test/late.e2e.ts', 'test/wrong.e2e.ts'];
  const result = (file: string, failures: readonly string[]): FileResult => ({
    file,
    passed: 2 - failures.length,
    pending: 0,
    failures,
    seconds: 1,
  });

  it('count as their second run ended, and the summary names who passed in it', () => {
    const { log } = console;
    const lines: string[] = [];
    console.log = (line: string) => lines.push(line);
    try {
      const results = new Results();
      for (const file of [late, wrong]) results.report(result(file, [`${file} was late`]));
      expect(results.failedOf([wrong, late])).to.deep.equal([wrong, late]);
      results.reportSecond(result(late, []));
      expect(results.failedOf([wrong, late])).to.deep.equal([wrong]);
      results.reportSecond(result(wrong, ['wrong again']));
      expect(results.failedOf([wrong, late])).to.deep.equal([wrong]);
      lines.length = 0;
      expect(results.summarize()).to.equal(1);
    } finally {
      console.log = log;
    }
    const summary = lines.join('\n');
    expect(summary).to.include(`${late} failed first and passed alone`);
    expect(summary).to.include(`${late} was late`).and.to.include('wrong again');
    expect(summary).to.include('1 failing').and.to.include('3 passing');
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

  /** All of them run at the same time, because each is a process that mostly starts or waits. */
  const begin = () => {
    const sinceMs = performance.now();
    return {
      mixed: run(['hooks', 'throws', 'empty', 'passes', 'fails']),
      rejecting: run(['rejects']),
      crashing: run(['crashes', 'passes']).then((results) => ({
        results,
        ms: performance.now() - sinceMs,
      })),
      hanging: run(['hangs'], { maxMs: 5_000 }),
      lasting: run(['hangs'], { lastsMs: 500 }),
    };
  };
  let lanes: ReturnType<typeof begin>;
  before(() => {
    lanes = begin();
  });

  it('tells what passed, what is pending and what failed, file by file', async () => {
    const results = (await lanes.mixed).slice(3, 5);
    expect(results.map(shown)).to.deep.equal([
      [fixture('passes'), 1, 1, 0],
      [fixture('fails'), 1, 0, 1],
    ]);
    expect(results[1]?.failures[0]).to.include('another suite').and.to.include('as it must');
  });

  it('fails by a rejection that escaped', async () => {
    const results = await lanes.rejecting;
    expect(results.map(shown)).to.deep.equal([
      [fixture('rejects'), 1, 0, 0],
      ['the whole run', 0, 0, 1],
    ]);
    expect(results[1]?.failures[0]).to.include('rejections escaped during');
  });

  it('fails by a file that cannot be loaded, and runs the next one', async () => {
    const results = (await lanes.mixed).slice(1, 4);
    expect(results.map(shown)).to.deep.equal([
      [fixture('throws'), 0, 0, 1],
      [fixture('empty'), 0, 0, 1],
      [fixture('passes'), 1, 1, 0],
    ]);
    expect(results[0]?.failures[0]).to.include('not loaded');
  });

  it('runs the hooks that a file has for the whole run after its last file', async () => {
    const results = await lanes.mixed;
    expect(results[0]).to.include({ file: fixture('hooks'), passed: 1 });
    expect(results.slice(5).map(shown)).to.deep.equal([['the whole run', 0, 0, 1]]);
    expect(results[5]?.failures[0]).to.include('after 3 tests');
  });

  it('fails when its process ends before its tests, even with exit code 0', async () => {
    const { results, ms } = await lanes.crashing;
    expect(ms, 'waited for what it left').to.be.lessThan(29_000);
    expect(results.at(-1)?.failures).to.deep.equal(['the lane ended before its tests: 0']);
  });

  it('fails when a file has no test', async () => {
    const results = await lanes.mixed;
    expect(results.slice(2, 4).map(shown)).to.deep.equal([
      [fixture('empty'), 0, 0, 1],
      [fixture('passes'), 1, 1, 0],
    ]);
    expect(results[2]?.failures[0]).to.include('no test ran');
  });

  it('fails at its time limit, or soon after its last test, when something keeps its process alive', async () => {
    for (const [ended, said] of [
      [lanes.hanging, 'killed 5 s after its start'],
      [lanes.lasting, 'killed 0.5 s after its last test'],
    ] as const) {
      expect((await ended).at(-1)?.failures[0]).to.include(said);
    }
  });
});
