import { spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { completeBinaries, locateBinaries } from '../../embedded/postgres/binaries.ts';
import { createCluster } from '../../embedded/postgres/cluster.ts';
import { startServer } from '../../embedded/postgres/server.ts';
import { chooseUser } from '../../embedded/postgres/user.ts';

/** Installations that are less than perfect, made of a copy of the real one. */
describe("PostgreSQL's programs", function () {
  this.timeout(60_000);

  let directory: string;
  let native: string;
  /** Where everybody may go. */
  let open: string;

  before(async () => {
    directory = await realpath(await mkdtemp(path.join(tmpdir(), 'reprise-binaries-')));
    native = path.join(directory, 'native');
    const { postgres } = await locateBinaries();
    const installed = path.dirname(path.dirname(postgres));
    await cp(installed, native, { recursive: true, verbatimSymlinks: true });
    open = await mkdtemp(path.join(tmpdir(), 'reprise-open-'));
    await chmod(open, 0o755);
  });

  after(() => Promise.all([directory, open].map((made) => rm(made, { recursive: true }))));

  it('are completed where npm ran no install scripts', async () => {
    const programs = path.join(native, 'bin');
    for (const name of await readdir(programs)) await chmod(path.join(programs, name), 0o644);
    const libraries = path.join(native, 'lib');
    for (const entry of await readdir(libraries, { withFileTypes: true })) {
      if (entry.isSymbolicLink()) await rm(path.join(libraries, entry.name));
    }
    const initdb = path.join(programs, 'initdb');
    expect(spawnSync(initdb, ['--version']).status).to.equal(null);
    const completed = await completeBinaries(native);
    expect(completed.initdb).to.equal(initdb);
    const { status, stderr } = spawnSync(initdb, ['--version'], { encoding: 'utf8' });
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
  });

  it('run from a directory that only its owner may enter, with data in another', async () => {
    await chmod(directory, 0o700);
    const home = path.join(directory, 'data', 'postgres');
    await mkdir(home, { recursive: true, mode: 0o700 });
    const never = new AbortController().signal;
    // Root's copy of them, for the user that may not come here, is to go with this test.
    const usual = process.env.TMPDIR;
    process.env.TMPDIR = open;
    const way = chooseUser(home, await completeBinaries(native));
    const { user, binaries } = await way.finally(() => {
      if (usual === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = usual;
    });
    const password = await createCluster(home, binaries, user, never);
    const server = await startServer({ directory: home, binaries, user, services: 1 }, never);
    await server.stop();
    expect(password).to.match(/^[0-9a-f]{48}$/);
    // Started once more, it still knows its password.
    expect(await createCluster(home, binaries, user, never)).to.equal(password);
  });

  it('that cannot be run are refused with what to do', async () => {
    const home = path.join(directory, 'postgres');
    await mkdir(home);
    const binaries = { initdb: 'none', postgres: path.join(native, 'bin', 'none') };
    const refusal = await chooseUser(home, binaries).catch((error: Error) => error.message);
    expect(refusal).to.match(/^PostgreSQL cannot be run: .*POSTGRES_URL/s);
  });
});
