import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { journalSchema } from '../../src/drill/drill-journal.ts';
import { shortDrills } from '../../src/drill/drills.ts';
import { factsSchema } from '../../src/incidents/facts.ts';
import { reprise } from '../e2e/support/command-line.ts';

describe('reprise drill', function () {
  this.timeout(300_000);
  let out: string;
  before(async () => {
    out = await mkdtemp(join(tmpdir(), 'reprise-drills-'));
  });
  after(() => rm(out, { recursive: true, force: true }));

  for (const name of shortDrills) {
    it(`${name}: nothing acknowledged is lost, and all of it is proven again`, async () => {
      // A server of somebody else in the environment is never touched.
      const env = { DATA_DIR: out, EVENTSTORE_URL: 'esdb://192.0.2.1:1?tls=false' };
      const ended = await reprise(['drill', 'run', name, '--out', out, '--buyers', '5'], env);
      expect(ended.code, ended.stdout + ended.stderr).to.be.oneOf([0, 3]);
      const [id = ''] = (await readdir(out)).filter((directory) => directory.endsWith(name));
      const read = async (file: string) => readFile(join(out, id, file), 'utf8');
      const { status, reprise: own } = journalSchema.parse(JSON.parse(await read('journal.json')));
      const { measures } = own;
      expect([status, measures.violations]).to.deep.equal(['completed', 0]);
      expect(measures.missing).to.deep.equal([]);
      expect(measures.acknowledged).to.be.greaterThan(10);
      // Other times may be the machine's (exit code 3). This one is the promise.
      const missed = own.missed.map(({ what }) => what).join('; ');
      if (ended.code === 3) console.info(`      ${missed}`);
      expect(measures.verifiedSeconds, missed).to.be.within(0, 60);

      const facts = factsSchema.parse(JSON.parse(await read('facts.json')));
      expect(facts.acknowledged?.facts).to.equal(measures.acknowledged);
      expect(facts.proof?.violations).to.equal(0);
      expect(facts.versions).to.have.lengthOf(1);
      expect(await read('report.everyone.ko.md')).to.match(/훈련/);
      expect(await read('report.engineers.en.html')).to.include(`Drill: ${name}`);
    });
  }

  it('prints a card for people without asking where nobody can answer', async () => {
    const { code, stdout } = await reprise(['drill', 'run', 'tabletop', 'first-hour']);
    expect(code).to.equal(0);
    expect(stdout)
      .to.match(/^first-hour: /)
      .and.to.match(/A good answer has: /);
    const unknown = await reprise(['drill', 'run', 'tabletop', 'no-such-card']);
    expect(unknown.code).to.not.equal(0);
    expect(unknown.stderr).to.include('see reprise drill run tabletop');
  });

  it('lists how each drill ended last', async () => {
    const { stdout } = await reprise(['drill', 'list', '--out', out]);
    expect(stdout).to.match(/kill-service +(kept|MISSED) \d{4}-/);
    expect(stdout).to.match(/kill-postgres +– /);
  });
});
