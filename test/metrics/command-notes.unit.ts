import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { leaveNote, readNotes } from '../../src/metrics/command-notes.ts';

describe('notes of commands for the service', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'reprise-notes-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  const at = '2026-01-02T03:04:05.678Z';
  const verify = { at, violations: 3 };
  const backup = { at, mode: 'follow', archive: '/backup/one', position: '77' } as const;

  it('are read where they were left, each by itself', async () => {
    const place = { dataDir, eventStoreUrl: undefined };
    expect(await readNotes(place)).to.deep.equal({ backup: undefined, verify: undefined });
    await leaveNote(place, { verify });
    await leaveNote(place, { backup });
    const notes = await readNotes(place);
    expect(notes.verify).to.include(verify);
    expect(notes.backup).to.include(backup);
  });

  it('are about one log, and have no secret of its URL', async () => {
    const url = 'esdb://admin:secret@one:2113';
    await leaveNote({ dataDir, eventStoreUrl: url }, { verify });
    expect((await readNotes({ dataDir, eventStoreUrl: url })).verify).to.include(verify);
    expect((await readNotes({ dataDir, eventStoreUrl: undefined })).verify).to.equal(undefined);
    expect(JSON.stringify(await readNotes({ dataDir, eventStoreUrl: url }))).not.to.include(
      'secret',
    );
  });

  it('are as if they were not there when they are damaged; none makes a DATA_DIR', async () => {
    const place = { dataDir, eventStoreUrl: undefined };
    await leaveNote(place, { verify });
    await writeFile(join(dataDir, 'status', 'verify.json'), '{"viol');
    expect((await readNotes(place)).verify).to.equal(undefined);
    const none = { dataDir: join(dataDir, 'none'), eventStoreUrl: undefined };
    await leaveNote(none, { verify });
    expect((await readNotes(none)).verify).to.equal(undefined);
  });
});
