import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { testDatabase } from '../support/servers.ts';
import { catalogFile } from './support/buyers.ts';
import { importCatalog, reprise } from './support/command-line.ts';
import { Service } from './support/service.ts';

describe('what the service or a command refuses to start with', function () {
  this.timeout(90_000);

  it('a DATA_DIR that cannot be used: at once, in a sentence', async function () {
    if (process.platform !== 'linux') return this.skip();
    const dataDirs = ['/proc/reprise', '/proc/reprise/below', '/dev/null/reprise'];
    const refusals = dataDirs.map(async (dataDir) => {
      const env = { PORT: '0', DATA_DIR: dataDir, EVENTSTORE_URL: '', POSTGRES_URL: '' };
      const { code, stderr } = await reprise(['serve'], env);
      expect(stderr).to.match(/^reprise: DATA_DIR \S+ cannot be used \(.+\): choose another\n$/);
      expect(stderr).to.include(dataDir);
      expect(code).to.equal(1);
    });
    await Promise.all(refusals);
  });

  it('workers without Redis', async () => {
    const { code, stdout, stderr } = await reprise(['serve'], { PORT: '0', WORKERS: '2' });
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
    expect(stderr).to.match(/WORKERS above 1 needs REDIS_URL: .+\n$/);
  });

  it('a database that POSTGRES_URL’s server does not have: at once, and says no password', async () => {
    const database = await testDatabase();
    const url = new URL(database.url);
    url.pathname = '/no_such_database';
    const dataDir = await mkdtemp(join(tmpdir(), 'reprise-refused-'));
    try {
      const env = { PORT: '0', DATA_DIR: dataDir, EVENTSTORE_URL: '', POSTGRES_URL: url.href };
      const { code, stdout, stderr } = await reprise(['serve'], env);
      expect(code).to.equal(1);
      const why = 'PostgreSQL cannot be used (database "no_such_database" does not exist)';
      expect(stderr).to.equal(`reprise: ${why}: correct POSTGRES_URL\n`);
      expect(stdout).to.not.include('gives no answer yet');
      if (url.password !== '') expect(stdout + stderr).to.not.include(url.password);
    } finally {
      await database.drop();
      await rm(dataDir, { recursive: true });
    }
  });

  it('a log or a PostgreSQL that is not there, of which a command would only make an empty one', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'reprise-refused-'));
    const notThere = (name: string, setting: string) =>
      `reprise: there is no ${join(dataDir, name)}, and no service runs on its directory: set DATA_DIR or ${setting}\n`;
    const log = notThere('eventstore', 'EVENTSTORE_URL');
    const postgres = notThere('postgres', 'POSTGRES_URL');
    // Nothing listens there, and nothing has to.
    const url = 'esdb://127.0.0.1:1?tls=false';
    const cases: [string[], string, string][] = [
      [['catalog', 'cancel', 'c1-1'], '', log],
      [['projections'], '', log],
      [['projections'], url, postgres],
      [['rebuild', '--drop-old'], url, postgres],
    ];
    try {
      const refusals = cases.map(async ([args, eventStoreUrl, said]) => {
        const env = { DATA_DIR: dataDir, EVENTSTORE_URL: eventStoreUrl, POSTGRES_URL: '' };
        expect(await reprise(args, env)).to.deep.equal({ code: 1, stdout: '', stderr: said });
      });
      await Promise.all(refusals);
      expect(await readdir(dataDir)).to.deep.equal([]);
    } finally {
      await rm(dataDir, { recursive: true });
    }
  });

  it('another CURRENCY than the log’s, and so does an import', async () => {
    const service = await Service.start({ EVENTSTORE_URL: '' });
    const { dataDir } = service;
    try {
      await importCatalog(catalogFile(1), { DATA_DIR: dataDir });
      const other = { ...service.env, DATA_DIR: dataDir, CURRENCY: 'USD' };
      const imported = await importCatalog(catalogFile(2), other).catch((error: Error) => error);
      const said = 'CURRENCY is USD, and the prices in this log are in KRW: set CURRENCY=KRW';
      expect(String(imported)).to.include(said);
      await service.stop();
      const { code, stderr } = await reprise(['serve'], { ...other, PORT: '0', DEMO: 'off' });
      expect(code).to.equal(1);
      expect(stderr).to.include(`reprise: ${said}`);
      await service.start();
    } finally {
      await service.remove();
    }
  });
});
