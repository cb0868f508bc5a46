import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { newTag } from '../support/tag.ts';
import { catalogFile } from './support/buyers.ts';
import { importCatalog, reprise } from './support/command-line.ts';
import { verifyOf } from './support/proof.ts';
import { Service } from './support/service.ts';

const tag = newTag('hang');

/** Lets a signal block the event loop for good. */
const blocking = '--import=data:text/javascript,process.on(%22SIGUSR2%22,()=%3E%7Bfor(;;);%7D)';

describe('a service whose event loop hangs', function () {
  this.timeout(240_000);
  let service: Service;
  before(async () => {
    service = await Service.start({ HANG_SECONDS: '5', NODE_OPTIONS: blocking });
  });
  after(() => service?.remove());

  it('ends, and the next one sells on; no fact is lost', async () => {
    await importCatalog(catalogFile(1, tag), { DATA_DIR: service.dataDir });
    await service.charge(tag, 1_000, 'one');
    const from = Date.now();
    service.signal('SIGUSR2');
    expect(await service.ended()).to.equal(null);
    expect(Date.now() - from, 'ms until it ended').to.be.within(4_000, 30_000);
    expect(service.output).to.include('the event loop stood still for 5 s');
    await service.start();
    await eventually('the charge is there', async () => {
      const { balance } = await service.balance(tag);
      return balance === 1_000;
    });
    expect((await verifyOf(tag, await service.servers())).ours).to.deep.equal([]);
  });

  it('is noticed by the alarm after the next one has started; a stop is not', async () => {
    const restarted = async () => {
      const urls = ['--url', service.url, '--admin', service.adminUrl, '--every', '1'];
      const { stdout } = await reprise(['alarm', '--once', '--json', ...urls]);
      const { rules } = JSON.parse(stdout) as {
        rules: { labels: { alertname: string; severity: string }; state: string; value?: number }[];
      };
      return rules
        .filter(({ labels }) => labels.alertname === 'RepriseRestarted')
        .map(({ labels, state, value }) => [labels.severity, state, value]);
    };
    const once = [
      ['ticket', 'true', 1],
      ['page', 'false', undefined],
    ];
    expect(await restarted()).to.deep.equal(once);
    expect(await service.terminate()).to.equal(0);
    await service.start();
    expect(await restarted(), 'after a stop').to.deep.equal(once);
  });
});
