import { expect } from 'chai';
import fc from 'fast-check';
import { connectPostgres, type Postgres } from '../../src/infrastructure/postgres.ts';
import { arrayText } from '../../src/projections/engine/statements.ts';
import { type TestDatabase, testDatabase } from '../support/servers.ts';

describe('a column as the text of a PostgreSQL array', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let postgres: Postgres;

  before(async () => {
    database = await testDatabase();
    postgres = connectPostgres(database.url);
  });

  after(async () => {
    await postgres.close();
    await database.drop();
  });

  const back = async (cells: readonly (string | null)[]) => {
    const { rows } = await postgres.pool.query<{ cells: string }>(
      'SELECT array_to_json($1::text[])::text AS cells',
      [arrayText({ cells })],
    );
    return JSON.parse(rows[0]?.cells ?? '') as unknown;
  };

  it('is read by PostgreSQL as it was, whatever the strings', async () => {
    // PostgreSQL has no NUL and no lone surrogates; nor has the log.
    const text = fc.string({ unit: 'grapheme' }).map((one) => one.replaceAll('\u0000', ''));
    const tricky = fc.constantFrom(
      'NULL',
      'null',
      '',
      '{',
      '}',
      ',',
      '"',
      '\\',
      '\\n',
      '\n',
      '\t"\\',
    );
    const cells = fc.array(fc.oneof(text, tricky, fc.constant(null)), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(cells, async (given) => {
        expect(await back(given)).to.deep.equal(given);
      }),
    );
  });
});
