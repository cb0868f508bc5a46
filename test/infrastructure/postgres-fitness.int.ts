import { expect } from 'chai';
import pg from 'pg';
import { connectPostgres, whyRefused } from '../../src/infrastructure/postgres.ts';
import { whatIsMissing, whyUnfit } from '../../src/infrastructure/postgres-fitness.ts';
import { type Program, startPgBouncer } from '../support/programs.ts';
import { type TestDatabase, testDatabase } from '../support/servers.ts';

const tables = ['projection_checkpoint', 'seat'];

describe('whether a PostgreSQL will do', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  const pooler: Program[] = [];
  before(async () => {
    database = await testDatabase();
  });
  after(async () => {
    for (const one of pooler) await one.stop();
    await database?.drop();
  });

  const withPool = async <T>(url: string, work: (of: ReturnType<typeof connectPostgres>) => T) => {
    const postgres = connectPostgres(url, { connectTimeoutMs: 10_000 });
    try {
      return await work(postgres);
    } finally {
      await postgres.close();
    }
  };
  const judge = (url: string) =>
    withPool(url, async (postgres) => {
      await postgres.pool.query('SELECT 1');
      return whyUnfit(postgres, tables, ['raise_lost_fence']);
    });
  const admin = (text: string) => withPool(database.url, ({ pool }) => pool.query(text));
  const by = (change: (url: URL) => void) => {
    const url = new URL(database.url);
    change(url);
    return url.href;
  };
  /**
   * The database by way of PgBouncer; its connections are not encrypted, so any password will do.
   */
  const pooled = async (mode: string): Promise<string | undefined> => {
    const one = await startPgBouncer(database.url, { pool_mode: mode });
    if (one !== undefined) pooler.push(one);
    return one?.url;
  };

  it('will, straight from its first start', async () => {
    expect(await judge(database.url)).to.equal(undefined);
  });

  it('a pooler of sessions will, although it refuses start-up parameters; of transactions not', async function () {
    const sessions = await pooled('session');
    if (sessions === undefined) {
      console.log('      skipped: there is no pgbouncer');
      return this.skip();
    }
    expect(await judge(sessions)).to.equal(undefined);
    expect(await judge((await pooled('transaction')) ?? '')).to.match(
      /each transaction another session.*pool_mode = session/,
    );
    const refused = await judge(`${sessions}?options=-csearch_path%3Dpublic`).catch(whyRefused);
    expect(refused).to.match(/^unsupported startup parameter: options; take it out of the URL/);
  });

  it('one whose tables are in another schema than new ones would be will not', async () => {
    await admin(`CREATE SCHEMA mine; CREATE TABLE public.projection_checkpoint ()`);
    try {
      const path = (value: string) =>
        by((url) => url.searchParams.set('options', `-csearch_path=${value}`));
      expect(await judge(path('mine,public'))).to.match(
        /tables of a service are in the schema public.*made in mine.*\?options=-csearch_path%3Dpublic/,
      );
      expect(await judge(path('mine'))).to.equal(undefined);
      expect(await judge(path('nowhere'))).to.match(/no schema of the search_path is there/);
      await withPool(path('mine,public'), async ({ pool }) => {
        const { rows } = await pool.query('SELECT current_schema() AS live');
        expect(rows, 'a command works where the tables are').to.deep.equal([{ live: 'public' }]);
      });
    } finally {
      await admin('DROP SCHEMA mine; DROP TABLE public.projection_checkpoint');
    }
  });

  it('one where the role lacks a right will not, and is told the GRANT', async () => {
    await admin(`CREATE ROLE weak_${process.pid} LOGIN PASSWORD 'weak'`);
    const name = `weak_${process.pid}`;
    const weak = by((url) => Object.assign(url, { username: name, password: 'weak' }));
    try {
      expect(await judge(weak)).to.equal(
        `the role lacks rights: GRANT CREATE ON SCHEMA public TO ${name}`,
      );
      await admin(
        'CREATE TABLE projection_checkpoint (); CREATE TABLE seat (); CREATE TABLE theirs ()',
      );
      await admin(`GRANT ALL ON projection_checkpoint TO ${name}; GRANT SELECT ON seat TO ${name}`);
      expect(await judge(weak)).to.equal(
        `the role lacks rights: GRANT SELECT, INSERT, UPDATE, DELETE ON public.seat TO ${name}`,
      );
      await admin(`GRANT ALL ON seat TO ${name}`);
      await admin(`CREATE FUNCTION raise_lost_fence() RETURNS integer LANGUAGE sql AS 'SELECT 1';
        REVOKE EXECUTE ON FUNCTION raise_lost_fence FROM PUBLIC`);
      expect(await judge(weak)).to.equal(
        `the role lacks rights: GRANT EXECUTE ON FUNCTION public.raise_lost_fence TO ${name}`,
      );
      await admin(`GRANT EXECUTE ON FUNCTION public.raise_lost_fence TO ${name}`);
      expect(await judge(weak)).to.equal(undefined);
      expect(await withPool(weak, whatIsMissing)).to.match(
        /^GRANT CREATE ON DATABASE \S+ TO weak_/,
      );
      expect(await withPool(database.url, whatIsMissing)).to.equal(undefined);
    } finally {
      await admin(`DROP TABLE IF EXISTS projection_checkpoint, seat, theirs;
        DROP FUNCTION IF EXISTS raise_lost_fence`);
      await admin(`DROP ROLE ${name}`);
    }
  });

  it('says at once what a certificate, a file or a right to connect lacks', () => {
    const error = (code: string, message: string) => Object.assign(new Error(message), { code });
    expect(whyRefused(error('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'))).to.match(
      /^its certificate is not trusted \(self-signed certificate\): name its authority by sslrootcert/,
    );
    const file = Object.assign(error('ENOENT', "ENOENT: open '/ca.crt'"), { path: '/ca.crt' });
    expect(whyRefused(file)).to.contain('/ca.crt');
    const denied = new pg.DatabaseError('permission denied for database x', 0, 'error');
    denied.code = '42501';
    expect(whyRefused(denied)).to.equal('permission denied for database x');
    expect(whyRefused(error('ECONNREFUSED', 'connect ECONNREFUSED'))).to.equal(undefined);
  });
});
