import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { AlarmJournal, type JournalLine, readAlarmJournal } from '../../src/alarm/journal.ts';

const firing: JournalLine = {
  kind: 'firing',
  at: '2026-01-02T03:04:05.678Z',
  alert: 'RepriseDown',
  severity: 'page',
  fingerprint: 'a1',
  labels: { alertname: 'RepriseDown', instance: '127.0.0.1:3000' },
  summary: { en: 'It is down.', ko: '멈췄습니다.' },
  runbook: 'docs/operations.md#reprisedown',
  activeAt: '2026-01-02T03:03:50.000Z',
  value: 0,
};
const stopped: JournalLine = { kind: 'stopped', at: '2026-01-02T03:05:00.000Z' };

describe('the journal of the alarm', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'reprise-alarm-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('is empty before the first line', async () => {
    expect(await readAlarmJournal(dataDir)).to.deep.equal([]);
  });

  it('gives back what was written, in its order and from a time to another', async () => {
    const journal = new AlarmJournal(dataDir);
    await Promise.all([journal.append(firing), journal.append(stopped)]);
    expect(await readAlarmJournal(dataDir)).to.deep.equal([firing, stopped]);
    const fromMs = Date.parse(stopped.at);
    expect(await readAlarmJournal(dataDir, { fromMs })).to.deep.equal([stopped]);
    expect(await readAlarmJournal(dataDir, { untilMs: fromMs - 1 })).to.deep.equal([firing]);
  });

  it('leaves out a line that was cut short, and one that it does not know', async () => {
    await new AlarmJournal(dataDir).append(firing);
    const path = join(dataDir, 'alarm', 'alarm.jsonl');
    await appendFile(path, `{"kind":"newer","at":"${stopped.at}"}\n{"kind":"fir`);
    expect(await readAlarmJournal(dataDir)).to.deep.equal([firing]);
  });
});
