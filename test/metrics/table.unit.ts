import { expect } from 'chai';
import { leaveNote } from '../../src/metrics/command-notes.ts';
import { type Admin, serveAdmin } from './support/admin.ts';
import { describedIn, type Metric, onLinuxAlone, readTable } from './support/table.ts';

describe('the table in docs/metrics.md', () => {
  let admin: Admin;
  beforeEach(async () => {
    admin = await serveAdmin();
  });
  afterEach(() => admin.stop());

  it('is what a service exports, name by name, in both directions', async () => {
    const { counters } = admin.metrics;
    await fetch(`${admin.apiUrl}/nowhere`);
    const at = new Date().toISOString();
    const backup = { at, mode: 'follow', archive: 'one', position: '7' } as const;
    await leaveNote({ dataDir: admin.dataDir, eventStoreUrl: undefined }, { backup });
    counters.opened('gala');
    counters.appended('written', 0.002);
    counters.reserved('held');
    counters.paid('paid');
    counters.cancelled('refunded');
    const page = await (await fetch(`${admin.url}/metrics`)).text();
    const isHere = ({ name }: { name: string }) =>
      process.platform === 'linux' || !onLinuxAlone.includes(name);
    const isOwn = ({ name }: { name: string }) => name.startsWith('reprise_');
    const [exported, table] = [describedIn(page), readTable().filter(isHere)];
    expect(exported.filter(isOwn)).to.have.deep.members(table.filter(isOwn));
    const unlabelled = (all: readonly Metric[]) => all.map((one) => ({ ...one, labels: [] }));
    expect(unlabelled(exported)).to.have.deep.members(unlabelled(table));
  });
});
