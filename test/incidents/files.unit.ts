import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { IncidentFiles } from '../../src/incidents/files.ts';
import type { TimelineLine } from '../../src/incidents/record.ts';
import { at, sampleLines } from './support/sample.ts';

const [opened, identified] = sampleLines() as [
  Extract<TimelineLine, { kind: 'opened' }>,
  TimelineLine,
];
const rejection = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: Error) => error.message,
  );

describe('the files of an incident', () => {
  let parent: string;
  let files: IncidentFiles;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'reprise-incidents-'));
    files = new IncidentFiles(join(parent, 'incidents'));
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));

  it('are a directory named by day and title, and another one for the same again', async () => {
    const first = await files.open(opened);
    const second = await files.open(opened);
    expect([first.id, second.id]).to.deep.equal([
      '2027-05-01-payments-fail',
      '2027-05-01-payments-fail-2',
    ]);
    const korean = await files.open({ ...opened, title: '결제 실패' });
    expect(korean.id).to.equal('2027-05-01-incident');
    expect((await files.list()).map(({ title }) => title)).to.include('결제 실패');
  });

  it('are found by a part of the name, and ask which one is meant', async () => {
    const { id } = await files.open(opened);
    await files.open({ ...opened, at: at(500), title: 'lists are late' });
    expect((await files.find('payments')).id).to.equal(id);
    expect((await files.find('latest')).title).to.equal('lists are late');
    expect(await rejection(files.find('2027'))).to.match(/several incidents .*payments-fail/);
    expect(await rejection(files.find('nothing'))).to.match(/no incident is named nothing/);
  });

  it('keep each line: what a crash cut off is left out, and the next line is whole', async () => {
    const { id } = await files.open(opened);
    const timeline = files.placeOf(id, 'timeline.jsonl');
    await appendFile(timeline, '{"kind":"note","at":"2027-05-01T10:0');
    expect((await files.find(id)).lines.length).to.equal(1);
    const incident = await files.add(id, identified);
    expect(incident.lines.map(({ kind }) => kind)).to.deep.equal(['opened', 'note']);
    expect(incident.status).to.equal('identified');
  });

  it('show a crash in between: incident.json is never believed, and is written again', async () => {
    const { id } = await files.open(opened);
    await writeFile(files.placeOf(id, 'incident.json'), '{"status": "res');
    await files.add(id, identified);
    const shown = JSON.parse(await readFile(files.placeOf(id, 'incident.json'), 'utf8'));
    expect(shown).to.deep.include({ status: 'identified', name: 'payments fail' });
    expect(shown.incident_updates[0]).to.deep.include({
      status: 'identified',
      body: 'We found out why purchases failed.',
    });
    const left = (await readdir(files.placeOf(id))).filter((name) => /unfinished/.test(name));
    expect(left).to.deep.equal([]);
  });

  it('have the status of the last line that says one: a note opens a closed one again', async () => {
    const { id } = await files.open(opened);
    for (const line of sampleLines().slice(1)) await files.add(id, line);
    expect((await files.find(id)).status).to.equal('resolved');
    const again = { ...identified, status: 'investigating' } as TimelineLine;
    expect((await files.add(id, again)).status).to.equal('investigating');
  });

  it('say where they cannot be written, and what to do', async () => {
    await writeFile(join(parent, 'file'), '');
    const blocked = new IncidentFiles(join(parent, 'file', 'incidents'));
    expect(await rejection(blocked.open(opened))).to.match(/cannot be written .*--dir/);
  });
});
