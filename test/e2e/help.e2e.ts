import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { reprise } from './support/command-line.ts';

describe('reprise help', function () {
  this.timeout(60_000);

  it('is of the command that is named, and of one of a command’s own', async () => {
    const asked = [[], ['verify'], ['catalog', 'import'], ['projections', 'skip']];
    const helps = asked.map(async (names) => {
      const { code, stdout, stderr } = await reprise(['help', ...names]);
      expect([code, stderr]).to.deep.equal([0, '']);
      expect(stdout).to.match(new RegExp(`^Usage: ${['reprise', ...names].join(' ')} `));
    });
    await Promise.all(helps);
  });

  it('says that there is no such command', async () => {
    const asked = [['nosuch'], ['catalog', 'nosuch'], ['verify', 'nosuch']];
    const refusals = asked.map(async (names) => {
      const { code, stdout, stderr } = await reprise(['help', ...names]);
      expect([code, stdout]).to.deep.equal([1, '']);
      expect(stderr).to.match(new RegExp(`^error: unknown command '${names.join(' ')}'\n`));
    });
    await Promise.all(refusals);
  });
});

describe('--help of a benchmark', () => {
  it('is the comment at its head, and measures nothing', () => {
    const args = ['--import', 'tsx', 'bench/journey.ts', '--help'];
    const options = { encoding: 'utf8', timeout: 20_000 } as const;
    const { stdout, stderr, status } = spawnSync(process.execPath, args, options);
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^Measures the journey of [\s\S]*npm run bench:journey -- .*--rounds/);
    expect(stdout).not.to.match(/\*|journeys\/s {2}p50/);
  }).timeout(30_000);
});
