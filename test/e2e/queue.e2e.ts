import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { reprise } from './support/command-line.ts';
import { Service } from './support/service.ts';

interface Entry {
  readonly processing: boolean;
  readonly token: string;
  readonly ahead: number | null;
  readonly opensAt?: string;
  readonly estimateReason?: string;
}

describe('reprise queue', function () {
  this.timeout(180_000);
  let service: Service;
  let env: Record<string, string>;

  before(async () => {
    service = await Service.start({ QUEUE_ADMITTED_MAX: '1' });
    env = { ...service.env, DATA_DIR: service.dataDir };
  });
  after(() => service.remove());

  const poll = (user: string) =>
    service.call<Entry>('GET', `/concert/waiting/status?userId=${user}`);
  const steer = async (...args: string[]) => {
    const { code, stdout, stderr } = await reprise(['queue', ...args], env);
    expect(code, stderr).to.equal(0);
    return stdout;
  };

  it('steers a running service, and is told with who and why', async () => {
    await poll('a');
    await poll('b');
    await steer('pause', '--reason', 'payments are slow', '--by', 'kim');
    await eventually('paused', async () => (await poll('b')).body.estimateReason === 'paused');
    await steer('set', '--places', '2', '--reason', 'more');
    await steer('resume', '--reason', 'well again');
    await eventually('b is inside', async () => (await poll('b')).body.processing);
    await steer('drain', '--reason', 'closing');
    let newcomers = 0;
    await eventually('no newcomers', async () => {
      newcomers += 1;
      return (await poll(`newcomer-${newcomers}`)).status === 503;
    });
    const status = await steer('status');
    expect(status).to.match(/2 places, no limit per minute, no new user can enrol/);
    expect(status).to.match(/by kim: .*paused \(payments are slow\)/);
    expect(await steer('drain', '--reason', 'again')).to.include('unchanged');
  });

  it('stays steered after a restart', async () => {
    await service.stop();
    await service.start();
    expect((await poll('d')).body).to.include({ code: 'queue-draining' });
    await steer('resume', '--reason', 'open');
    await eventually('newcomers', async () => (await poll('d')).status === 200);
  });

  it('takes a lot that begins later, shows it, and takes it away', async () => {
    const opensAt = new Date(Date.now() + 3_600_000).toISOString();
    const lot = ['lot', '--minutes', '30', '--reason', 'a fair start', '--opens-at'];
    await steer(...lot, opensAt);
    expect(await steer('status')).to.match(/places by lot from .*not drawn yet/);
    expect((await poll('before')).body.opensAt, 'it has not begun').to.equal(undefined);
    await steer('lot', '--none', '--reason', 'no lot');
    expect(await steer('status')).to.match(/^queue: [^\n]*per minute$/m);
    const { code, stderr } = await reprise(['queue', ...lot, new Date().toISOString()], env);
    expect(code).to.equal(1);
    expect(stderr).to.include('in the past or too soon');
  });

  it('keeps the order of the line over a kill', async () => {
    for (const user of ['k1', 'k2', 'k3']) await poll(user);
    // The window of the log.
    await sleep(1_000);
    await service.kill();
    await service.start();
    for (const user of ['newcomer', 'k3', 'k2', 'k1']) await poll(user);
    // Users at the front who poll rarely count as away, so all poll at the same time.
    let line: number[] = [];
    await eventually('each has another place', async () => {
      const answers = await Promise.all(['k1', 'k2', 'k3', 'newcomer'].map(poll));
      line = answers.map(({ body }) => body.ahead as number);
      return new Set(line).size === 4;
    });
    expect(line).to.deep.equal([...line].sort((a, b) => a - b));
  });

  it('needs a reason, and something to set', async () => {
    for (const args of [
      ['pause'],
      ['set', '--reason', 'x'],
      ['set', '--places', '0', '--reason', 'x'],
    ]) {
      const { code } = await reprise(['queue', ...args], env);
      expect(code, args.join(' ')).to.equal(1);
    }
  });
});
