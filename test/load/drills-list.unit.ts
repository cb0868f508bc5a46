import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { drills } from '../../load/drills/list.ts';

const root = new URL('../../', import.meta.url);

describe('the drills', () => {
  const all = drills('/nowhere');

  it('each has a name of its own, a bound, and a row in docs/eventstoredb.md', async () => {
    const names = all.map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
    const page = await readFile(new URL('docs/eventstoredb.md', root), 'utf8');
    for (const { name, bounds } of all) {
      expect(Object.keys(bounds), name).not.to.deep.equal([]);
      expect(page, `docs/eventstoredb.md lacks ${name}`).to.include(`| \`${name}\``);
    }
  });

  it('a dead node, whichever it is, may cost no request', () => {
    const kills = all.filter(({ name }) => /-kill$/.test(name));
    expect(kills).to.have.lengthOf(3);
    for (const { name, bounds } of kills) expect(bounds.failedMax, name).to.equal(0);
  });

  it('say that they need EVENTSTORE_BIN', () => {
    const { EVENTSTORE_BIN: _, ...env } = process.env;
    const main = fileURLToPath(new URL('load/drills/main.ts', root));
    const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', main], {
      env,
      cwd: root,
      encoding: 'utf8',
    });
    expect([status, stdout.trim()]).to.deep.equal([
      2,
      'set EVENTSTORE_BIN to the executable of an EventStoreDB server, from 24.6 on',
    ]);
  }).timeout(60_000);
});
