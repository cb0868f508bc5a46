import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { chown, lchown, readdir, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Binaries, reachableCopy } from './binaries.ts';

/**
 * Chooses the user of PostgreSQL. PostgreSQL refuses to run as root, but containers and CI usually
 * run as root. Then PostgreSQL runs as the owner of its directory. At first, the system's user
 * `postgres` or `nobody` becomes this owner. PostgreSQL has none of root's capabilities, and cannot
 * get them back. That user may be unable to reach DATA_DIR and root's checkout (/root is 0700, like
 * the directories of `mktemp -d`). Therefore root sets the data directory as the working directory
 * of the program. Programs that the user cannot reach are copied to another place.
 */

/** How to run a program as that user. */
export interface ServerUser {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** The program and arguments to run in place of these. */
  wrap(program: string, args: readonly string[]): WrappedProgram;
  /** The name of a directory that is the program's working directory. */
  pathOf(directory: string): string;
}

export interface WrappedProgram {
  readonly file: string;
  readonly args: string[];
  /** The user for `spawn`, if no other program changes the user. */
  readonly options: { readonly uid?: number; readonly gid?: number };
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Longest wait for a program that only prints its version. */
const probeMs = 20_000;

/** How to run PostgreSQL. */
export interface Way {
  readonly user: ServerUser;
  readonly binaries: Binaries;
}

/**
 * Finds a way to run PostgreSQL by trying it, and makes the directory over to its user if it is
 * root's.
 * @throws Error that says what to do when there is no way.
 */
export async function chooseUser(directory: string, binaries: Binaries): Promise<Way> {
  const account = process.getuid?.() === 0 ? await ownerFor(directory) : undefined;
  let refusal = '';
  const tryWith = (programs: Binaries): Way | undefined => {
    for (const user of candidates(account)) {
      refusal = probe(user, programs.postgres, directory);
      if (refusal === '') return { user, binaries: programs };
    }
    return undefined;
  };
  const way = tryWith(binaries);
  if (way !== undefined) return way;
  if (account !== undefined) {
    const copy = await reachableCopy(binaries).catch((error: Error) => error);
    const copied = copy instanceof Error ? undefined : tryWith(copy);
    if (copied !== undefined) return copied;
    if (copy instanceof Error) refusal += `\n${copy.message}`;
  }
  throw new Error(
    [
      `PostgreSQL cannot be run: ${refusal}`,
      account === undefined
        ? `Is ${directory} yours? These programs need glibc (no Alpine).`
        : `PostgreSQL refuses to be root, and user ${account.uid} cannot run ${binaries.postgres} or a copy of it in ` +
          `${tmpdir()}, or cannot write ${directory}. Start as an ordinary user.`,
      'Or set POSTGRES_URL to a PostgreSQL server.',
    ].join('\n'),
  );
}

/**
 * The directory's owner. If this is root, another user, who becomes the owner of the directory and
 * its content.
 */
async function ownerFor(directory: string): Promise<Account> {
  const { uid, gid } = await stat(directory);
  if (uid !== 0) return { uid, gid };
  const account = await systemAccount();
  await chown(directory, account.uid, account.gid);
  for (const entry of await readdir(directory, { recursive: true })) {
    await lchown(path.join(directory, entry), account.uid, account.gid);
  }
  return account;
}

async function systemAccount(): Promise<Account> {
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((l) => l.split(':'));
  for (const wanted of ['postgres', 'nobody']) {
    const found = accounts.find(([name]) => name === wanted);
    if (found !== undefined) return { uid: Number(found[2]), gid: Number(found[3]) };
  }
  throw new Error(
    'PostgreSQL refuses to be root, and this system has neither a user "postgres" nor "nobody": ' +
      'start as an ordinary user, or set POSTGRES_URL to a PostgreSQL server',
  );
}

/** The last one needs no `setpriv`. */
const candidates = (account: Account | undefined): ServerUser[] => [
  throughSetpriv(account),
  plain(account),
];

function throughSetpriv(account: Account | undefined): ServerUser {
  const identity =
    account === undefined
      ? []
      : [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups', '--inh-caps=-all'];
  // If the keeper is killed, the kernel sends SIGINT, which means a fast shutdown.
  const flags = [...identity, '--no-new-privs', '--pdeathsig=INT', '--'];
  return {
    ...plain(account),
    wrap: (program, args) => ({
      file: 'setpriv',
      args: [...flags, program, ...args],
      options: {},
    }),
  };
}

function plain(account: Account | undefined): ServerUser {
  return {
    uid: account?.uid,
    gid: account?.gid,
    wrap: (program, args) => ({ file: program, args: [...args], options: account ?? {} }),
    // That user may be unable to enter a directory of the path. This name works without a path.
    pathOf: (directory) =>
      account !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : directory,
  };
}

/** Why PostgreSQL cannot run in this way on that directory; '' if it can. */
function probe(user: ServerUser, postgres: string, directory: string): string {
  if (process.platform === 'win32') return '';
  const script = 'test -w . && test -x "$1" && exec "$1" --version';
  const { file, args, options } = user.wrap('/bin/sh', ['-c', script, 'sh', postgres]);
  const result: SpawnSyncReturns<string> = spawnSync(file, args, {
    ...options,
    cwd: directory,
    encoding: 'utf8',
    timeout: probeMs,
  });
  if (result.error !== undefined) return result.error.message;
  return result.status === 0 ? '' : result.stderr.trim() || `no access (${result.status})`;
}
