// dist/: whether it is made from the present sources, and how it is made (docs/adr/0042-built-for-shipping.md).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const folders = ['src', 'embedded', 'migrations', join('ops', 'contracts')];
const files = ['package.json', 'tsconfig.json', 'tsconfig.build.json', join('bin', 'dist.js')];
/** The file in dist/ that has the digest of what it was made from. */
const madeFrom = 'made-from';
/** Each build has a temporary folder with this prefix, beside dist/. */
const unfinished = 'dist.unfinished.';
/** The longest time of the compiler, in milliseconds. */
const compilerMsMax = 5 * 60_000;
/** A temporary folder that is older is of a build that was killed, in milliseconds. */
const leftOverMs = 2 * compilerMsMax;

/**
 * A digest of the content of everything that dist/ is made from. It does not depend on times, so copies of a checkout,
 * older files and a clock that is wrong make no difference.
 */
function sourcesDigest() {
  const below = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const hash = createHash('sha256');
  for (const file of [...below.sort(), ...files.map((name) => join(root, name))]) {
    const content = readFileSync(file);
    hash.update(`${file.slice(root.length)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

const isMadeFrom = (digest) =>
  existsSync(join(dist, madeFrom)) && readFileSync(join(dist, madeFrom), 'utf8') === digest;

/** Is dist/ made from the present sources? False if this cannot be read. */
export function isCurrent() {
  try {
    return isMadeFrom(sourcesDigest());
  } catch {
    return false;
  }
}

/**
 * Makes dist/ with the compiler of the project. Several processes can do this at the same time.
 * @param {{ isAsked: boolean }} options asked by a person: then the types are checked, the compiler prints its errors,
 *   and dist/ is replaced even if it is current
 * @throws Error if the compiler fails, or an error of the file system. Then dist/ is as before, or absent
 */
export function build({ isAsked }) {
  removeLeftOver();
  // Before the compiler reads the sources: if one changes meanwhile, dist/ is not current.
  const digest = sourcesDigest();
  const own = mkdtempSync(join(root, unfinished));
  try {
    const made = join(own, 'dist');
    compile(made, isAsked);
    // Files that the program reads beside its own. package.json also says that the files are modules.
    for (const folder of ['src', 'embedded', 'migrations']) {
      for (const name of readdirSync(join(root, folder), { recursive: true })) {
        if (name.endsWith('.lua')) cpSync(join(root, folder, name), join(made, folder, name));
      }
    }
    cpSync(join(root, 'ops', 'contracts'), join(made, 'ops', 'contracts'), { recursive: true });
    cpSync(join(root, 'package.json'), join(made, 'package.json'));
    writeFileSync(join(made, madeFrom), digest);
    // Another process may have made the same at the same time.
    if (isAsked || !isMadeFrom(digest)) replace(made, join(own, 'replaced'));
  } finally {
    remove(own);
  }
}

function compile(outDir, isAsked) {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [compiler, '--project', join(root, 'tsconfig.build.json'), '--outDir', outDir];
  // A check of the types takes five times as long.
  if (!isAsked) args.push('--noCheck');
  // A debugger of the program is none of the compiler.
  const env = { ...process.env, NODE_OPTIONS: '' };
  const stdio = isAsked ? 'inherit' : 'ignore';
  const { status } = spawnSync(process.execPath, args, { stdio, env, timeout: compilerMsMax });
  if (status !== 0) throw new Error(`the compiler ended with ${status ?? 'a signal'}`);
}

/** @param aside where the older dist/ goes. dist/ is absent only between the two renames */
function replace(made, aside) {
  if (existsSync(dist)) {
    try {
      renameSync(dist, aside);
    } catch {
      // For example, dist/ is in another layer of the file system.
      rmSync(dist, { recursive: true, force: true });
    }
  }
  try {
    renameSync(made, dist);
  } catch (error) {
    // Another process has put its own there.
    if (existsSync(dist)) return;
    if (existsSync(aside)) renameSync(aside, dist);
    throw error;
  }
}

/** Removes the folders of builds that were killed. */
function removeLeftOver() {
  for (const name of readdirSync(root).filter((one) => one.startsWith(unfinished))) {
    const since = statSync(join(root, name), { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    if (Date.now() - since > leftOverMs) remove(join(root, name));
  }
}

function remove(folder) {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // For example, another user owns it. The next build of this user removes it.
  }
}
