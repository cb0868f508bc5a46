#!/usr/bin/env node
// `npm run build`: makes dist/, which bin/reprise.js runs. dist/ appears whole or not at all.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
/** The name of the folder of a build that runs, before its process id. */
const unfinished = 'dist.unfinished.';

/**
 * Builds dist/ with the compiler of the project.
 * @param {{ compilerOptions: readonly string[], stdio: 'inherit' | 'ignore' }} options
 * @returns the compiler's exit code. If it is not 0, dist/ is as before
 * @throws an error of the file system, for example if the folder cannot be written
 */
export function build({ compilerOptions, stdio }) {
  const begun = new Date();
  removeLeftOver();
  const own = join(root, `${unfinished}${process.pid}`);
  const made = join(own, 'dist');
  mkdirSync(own);
  try {
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const project = ['--project', join(root, 'tsconfig.build.json'), '--outDir', made];
    const { status } = spawnSync(process.execPath, [compiler, ...project, ...compilerOptions], {
      stdio,
    });
    if (status !== 0) return status ?? 1;
    // Files that the program reads beside its own.
    for (const folder of ['src', 'embedded', 'migrations']) {
      for (const name of readdirSync(join(root, folder), { recursive: true })) {
        if (name.endsWith('.lua')) cpSync(join(root, folder, name), join(made, folder, name));
      }
    }
    cpSync(join(root, 'ops', 'contracts'), join(made, 'ops', 'contracts'), { recursive: true });
    // Last: its time is that of the build. It also has the version, and says that the files are modules.
    cpSync(join(root, 'package.json'), join(made, 'package.json'));
    // A file that was changed during the build is newer than the build.
    utimesSync(join(made, 'package.json'), begun, begun);
    replace(made, join(own, 'replaced'));
    return 0;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** @param aside where the older dist/ goes, so that there is none for two system calls only */
function replace(made, aside) {
  try {
    renameSync(dist, aside);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  try {
    renameSync(made, dist);
  } catch (error) {
    // Another process has built at the same time.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  }
}

/** Removes the folders of builds that were killed. */
function removeLeftOver() {
  for (const name of readdirSync(root).filter((one) => one.startsWith(unfinished))) {
    if (isRunning(Number(name.slice(unfinished.length)))) continue;
    rmSync(join(root, name), { recursive: true, force: true });
  }
}

function isRunning(pid) {
  if (pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = build({ compilerOptions: [], stdio: 'inherit' });
}
