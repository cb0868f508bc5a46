import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../embedded/postgres/start.ts';

/**
 * An embedded PostgreSQL for one run. It uses the role that may create databases, because the role
 * of the service may not.
 */
export interface TestPostgres {
  readonly url: string;
  /** Stops it and deletes its data. */
  stop(): Promise<void>;
}

export async function startTestPostgres(): Promise<TestPostgres> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'reprise-postgres-'));
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  try {
    const server = await startEmbeddedPostgres({ dataDir });
    const url = new URL(server.url);
    url.username = 'reprise';
    const password = await readFile(path.join(dataDir, 'postgres', 'password'), 'utf8');
    url.password = password.trim();
    return { url: url.href, stop: () => server.stop().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Creates an empty database, or a copy of another one. @returns its URL */
export async function makeDatabase(server: string, like?: string): Promise<string> {
  const name = `reprise_test_${randomBytes(6).toString('hex')}`;
  const template = like === undefined ? '' : ` TEMPLATE ${new URL(like).pathname.slice(1)}`;
  await administer(server, `CREATE DATABASE ${name}${template}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

export async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
