import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readAlarmJournal } from '../../src/alarm/journal.ts';
import { type Receiver, receive } from '../alarm/support/receiver.ts';
import { eventually } from '../support/eventually.ts';
import { reprise, startReprise } from './support/command-line.ts';
import { Service } from './support/service.ts';

/** Looks each second, and rings after 15 s; the rest is for a busy machine. */
const ringMs = 60_000;

describe('reprise alarm beside a real service', function () {
  this.timeout(300_000);
  let service: Service;
  let told: Receiver;
  let alarm: ReturnType<typeof startReprise>;
  before(async () => {
    service = await Service.start({ EVENTSTORE_URL: '' });
    told = await receive();
    alarm = startReprise(['alarm'], settings());
    await eventually('it watches', () => alarm.stdout().includes('watching'), ringMs);
  });
  after(async () => {
    alarm?.signal('SIGKILL');
    service?.signal('SIGCONT');
    await service?.remove();
    await told?.close();
  });

  const settings = () => ({
    DATA_DIR: service.dataDir,
    ALARM_URLS: service.url,
    ALARM_ADMIN_URLS: service.adminUrl,
    ALARM_WEBHOOK_URLS: `${told.url}/hook`,
    ALARM_EVERY_SECONDS: '1',
  });
  const last = (name: string) => told.of(name).at(-1)?.status;

  it('says that nothing is wrong', async () => {
    const { code, stdout } = await reprise(['alarm', '--once'], settings());
    expect(stdout).to.include('RepriseDown').and.to.include('MoneyStuck');
    // The disk of this machine may be full indeed.
    const pages = stdout.split('\n').filter((line) => /^TRUE +page/.test(line));
    expect(pages.filter((line) => !line.includes('DiskLow'))).to.deep.equal([]);
    expect(code).to.equal(pages.length === 0 ? 0 : 1);
    expect(told.of('RepriseDown')).to.deep.equal([]);
  });

  it('rings for the event store that hangs, and stops when it goes on', async () => {
    const lock = await readFile(join(service.dataDir, 'eventstore', 'owner.lock'), 'utf8');
    const pid = Number(/\d+/.exec(lock)?.[0]);
    process.kill(pid, 'SIGSTOP');
    try {
      await eventually('it rings', () => last('EventStoreDown') === 'firing', ringMs, 200);
      const [alert] = told.of('EventStoreDown')[0]?.alerts ?? [];
      expect(alert?.annotations.description).to.include('eventStore is down');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await eventually('it is over', () => last('EventStoreDown') === 'resolved', ringMs, 200);
  });

  it('rings for a service that hangs, and stops when it goes on', async () => {
    service.signal('SIGSTOP');
    await eventually('it rings', () => last('RepriseDown') === 'firing', ringMs, 200);
    service.signal('SIGCONT');
    await eventually('it is over', () => last('RepriseDown') === 'resolved', ringMs, 200);
  });

  it('rings for a service that was killed; what happened is in the journal', async () => {
    const before = told.of('RepriseDown').length;
    await service.kill();
    await eventually('it rings', () => told.of('RepriseDown').length > before, ringMs, 200);
    alarm.signal('SIGTERM');
    expect((await alarm.done).code).to.equal(0);
    const journal = await readAlarmJournal(service.dataDir);
    const alerts = journal.flatMap((line) =>
      line.kind === 'firing' || line.kind === 'resolved' ? [`${line.kind} ${line.alert}`] : [],
    );
    expect(alerts.filter((one) => /RepriseDown|EventStoreDown/.test(one))).to.deep.equal([
      ...['firing EventStoreDown', 'resolved EventStoreDown'],
      ...['firing RepriseDown', 'resolved RepriseDown', 'firing RepriseDown'],
    ]);
    expect(journal.some((line) => line.kind === 'sample' && !line.up)).to.equal(true);
    expect(journal.at(-1)?.kind).to.equal('stopped');
  });
});
