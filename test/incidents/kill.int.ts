import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { IncidentFiles } from '../../src/incidents/files.ts';
import { reprise } from '../e2e/support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { sampleLines } from './support/sample.ts';

const writer = fileURLToPath(new URL('./support/add-notes.ts', import.meta.url));
const kills = 4;

describe('the record of an incident', function () {
  this.timeout(180_000);
  let parent: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'reprise-incidents-'));
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  it('has every note that was kept, after kill -9 of two who write at the same time', async () => {
    const files = new IncidentFiles(parent);
    const [opened] = sampleLines();
    if (opened?.kind !== 'opened') throw new Error('the sample is no incident');
    const { id } = await files.open(opened);
    const told: string[] = [];
    for (let kill = 1; kill <= kills; kill += 1) {
      await Promise.all([killedWriter(id, told), killedWriter(id, told)]);
    }
    const { notes } = await files.find(id);
    const kept = new Set(notes.map(({ text }) => text));
    expect(told.length).to.be.greaterThan(kills);
    expect(told.filter((text) => !kept.has(text))).to.deep.equal([]);
    await files.show(await files.find(id));
    const shown = JSON.parse((await files.readText(id, 'incident.json')) ?? '');
    expect(shown.incident_updates.length).to.equal(notes.length + 1);
  });

  async function killedWriter(id: string, told: string[]): Promise<void> {
    const child = spawn(process.execPath, ['--import', 'tsx', writer, parent, id], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    await eventually('it has written some notes', () => output.split('\n').length > 3, 60_000);
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
    told.push(...output.split('\n').slice(0, -1));
  }

  it('is written and reported by the commands while there is no server at all', async () => {
    const env = { DATA_DIR: parent, EVENTSTORE_URL: 'esdb://127.0.0.1:9?tls=false' };
    const run = async (code: number, ...args: string[]) => {
      const ended = await reprise(['incident', ...args], env);
      expect(ended.code, ended.stdout + ended.stderr).to.equal(code);
      return ended;
    };
    const opened = await run(0, 'open', 'all is down', '--component', 'payments');
    expect(opened.stdout).to.match(/^\d{4}-\d\d-\d\d-all-is-down\n/);
    const refused = await run(1, 'note', 'latest', 'x', '--public', 'The event store is down.');
    expect(refused.stderr).to.match(/has “event store”: write .*판매 기록 저장소/);
    await run(0, 'close', 'latest', '--cause', 'no power');
    const reported = await run(0, 'report', 'latest', '--time-zone', 'Asia/Seoul');
    expect(reported.stdout.trim().split('\n').length).to.equal(8);
    expect(reported.stderr).to.match(/not measured: log \(the event store does not answer\)/);
    const notice = await run(0, 'report', 'latest', '--for', 'everyone', '--lang', 'ko');
    expect(notice.stdout)
      .to.include('집계 중')
      .and.not.to.match(/0건|0원/);
    const open = await run(1, 'postmortem', 'latest');
    expect(open.stdout).to.match(/postmortem\.md: \d open questions/);
  });
});
