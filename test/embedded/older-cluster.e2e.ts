import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../embedded/postgres/start.ts';
import { migrate } from '../../migrations/migrate.ts';

/** In it everything belongs to the superuser, as versions before the service's own role made it. */
describe('embedded PostgreSQL of an older version', function () {
  this.timeout(120_000);
  let dataDir: string;
  let postgres: EmbeddedPostgres | undefined;
  before(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'reprise-older-'));
  });
  after(async () => {
    await postgres?.stop();
    await rm(dataDir, { recursive: true });
  });

  const start = async (): Promise<string> => {
    postgres = await startEmbeddedPostgres({ dataDir });
    return postgres.url;
  };
  async function withPool<T>(url: string, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    pool.on('error', () => {});
    try {
      return await work(pool);
    } finally {
      await pool.end();
    }
  }
  async function superuser(url: string): Promise<string> {
    const admin = new URL(url);
    admin.username = 'reprise';
    admin.password = (await readFile(path.join(dataDir, 'postgres', 'password'), 'utf8')).trim();
    return admin.href;
  }
  const migrateIt = (url: string) =>
    withPool(url, (pool) => migrate(new Kysely({ dialect: new PostgresDialect({ pool }) })));

  it('starts, and its tables, schemas and types are the service’s, who is no superuser', async () => {
    const admin = await superuser(await start());
    await migrateIt(admin);
    await withPool(admin, (pool) =>
      pool.query(`
        CREATE SCHEMA "of Old"; CREATE TABLE "of Old"."Seat" (id serial PRIMARY KEY, n int8);
        INSERT INTO "of Old"."Seat" (n) VALUES (7); CREATE SEQUENCE "of Old".own; CREATE TYPE "of Old".kind AS ENUM ('a');
        CREATE FUNCTION "of Old".one(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE VIEW "of Old".seen AS SELECT n FROM "of Old"."Seat";
        ALTER DATABASE reprise OWNER TO reprise; REASSIGN OWNED BY service TO reprise; DROP OWNED BY service;
        DROP ROLE service;`),
    );
    await postgres?.stop();

    const url = await start();
    await migrateIt(url);
    await withPool(url, async (pool) => {
      const { rows } = await pool.query(
        'SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication AS might FROM pg_roles WHERE rolname = current_user',
      );
      expect(rows).to.deep.equal([{ might: false }]);
      const refused = (await pool
        .query("COPY (SELECT 1) TO PROGRAM 'true'")
        .catch((error: Error) => error)) as Error;
      expect(refused.message).to.include('permission denied');
      // What a rebuild does, and more.
      await pool.query(`
        ALTER TABLE "of Old"."Seat" ADD COLUMN more int; INSERT INTO "of Old"."Seat" (n) VALUES (8);
        SELECT nextval('"of Old".own'); ALTER TYPE "of Old".kind ADD VALUE 'b'; DROP FUNCTION "of Old".one(int);
        CREATE SCHEMA build; CREATE TABLE build.seat (id int8); DROP SCHEMA "of Old" CASCADE;`);
      const left = await pool.query(`
        SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
          AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'`);
      expect(left.rows).to.deep.equal([]);
    });
  });

  it('whose role is taken away is given it again, with the same address', async () => {
    const first = postgres?.url as string;
    await postgres?.stop();
    const again = new URL(await start());
    const old = new URL(first);
    expect([again.username, again.password]).to.deep.equal([old.username, old.password]);
  });

  it('keeps root’s capabilities from every process of it', async function () {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) this.skip();
    const file = path.join(dataDir, 'postgres', 'data', 'postmaster.pid');
    const postmaster = Number.parseInt(await readFile(file, 'utf8'), 10);
    const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(postmaster)]);
    const all = [postmaster, ...String(stdout).trim().split(/\s+/).map(Number)];
    expect(all.length).to.be.greaterThan(3);
    for (const pid of all) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      expect(status)
        .to.match(/^CapEff:\t0+$/m)
        .and.match(/^NoNewPrivs:\t1$/m);
    }
  });
});
