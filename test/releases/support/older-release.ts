import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contract } from '../../../src/releases/contract.ts';
import { valueWithin } from '../../../src/support/time-limit.ts';

/** The root of this repository. */
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The longest run of one git command, in milliseconds. */
const gitMs = 30_000;
/** The longest load of a release's events and read models, in milliseconds. */
const loadMs = 60_000;

/** A commit of this repository, or the reason why there is none here. */
export type Found = { readonly commit: string } | { readonly why: string };

/** The commit of a release: its tag, or else the commit that wrote its heading in the changelog. */
export function commitOfRelease(version: string): Found {
  const tag = git('rev-parse', '--verify', '--quiet', `v${version}^{commit}`);
  if (tag) return { commit: tag };
  return firstOf(
    `the release ${version}`,
    git('log', '--reverse', '--format=%H', `-S## [${version}]`, '--', 'CHANGELOG.md'),
  );
}

/** The last commit that did not have a file yet. */
export function commitBefore(file: string): Found {
  const added = firstOf(
    `the commit that added ${file}`,
    git('log', '--reverse', '--format=%H', '--diff-filter=A', '--', file),
  );
  if ('why' in added) return added;
  return firstOf(`a commit before ${file}`, git('rev-parse', '--verify', `${added.commit}^`));
}

/** @param output the commits that git printed; undefined if git failed */
function firstOf(what: string, output: string | undefined): Found {
  const commit = output?.split('\n')[0];
  if (git('rev-parse', '--is-shallow-repository') !== 'false') {
    return { why: `the history of this repository is not here (shallow clone, or no git)` };
  }
  return commit ? { commit } : { why: `git does not find ${what}` };
}

function git(...args: readonly string[]): string | undefined {
  // Another repository around an unpacked archive says nothing about this one.
  if (!existsSync(join(root, '.git'))) return undefined;
  const { status, stdout } = spawnSync('git', args, {
    cwd: root,
    encoding: 'utf8',
    timeout: gitMs,
  });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Writes the files of a commit into a new directory, with the packages of this checkout: they are
 * the same packages in the same major versions, and a test installs nothing.
 * @returns the program of that release
 */
export async function unpack(commit: string, directory: string): Promise<string> {
  await mkdir(directory);
  const archive = spawn('git', ['archive', '--format=tar', commit], { cwd: root });
  const tar = spawn('tar', ['-x', '-C', directory], { stdio: [archive.stdout, 'ignore', 'pipe'] });
  const ended = Promise.all([archive, tar].map((one) => once(one, 'exit')));
  const codes = await valueWithin(gitMs, ended);
  if (codes === undefined || codes.some(([code]) => code !== 0)) {
    archive.kill('SIGKILL');
    tar.kill('SIGKILL');
    throw new Error(`git archive ${commit} | tar did not end well within ${gitMs} ms`);
  }
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'), 'dir');
  return join(directory, 'bin', 'reprise.js');
}

/** What a contract says of an older release, which could not write one. */
export type Reads = Pick<Contract, 'events' | 'readModels' | 'migrations'>;

/** The newest version of each event, and the read models, as the code of a release has them. */
const printReads = `
  const { eventSchemas } = await import('./src/events/events.ts');
  const { versionOf } = await import('./src/events/upcasters.ts');
  const { projections } = await import('./src/projections/models/registry.ts');
  const types = Object.keys(eventSchemas).sort();
  console.log(JSON.stringify({
    events: Object.fromEntries(types.map((type) => [type, versionOf(type)])),
    readModels: Object.fromEntries(projections.map(({ name, version }) => [name, version])),
  }));`;

/** What the unpacked code of a release reads. It must have the files that `printReads` names. */
export async function readsOf(directory: string): Promise<Reads> {
  const args = ['--import', 'tsx', '--input-type=module', '--eval', printReads];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: directory,
    encoding: 'utf8',
    timeout: loadMs,
  });
  if (status !== 0) throw new Error(`what ${directory} reads is not known: ${stderr}`);
  const files = await readdir(join(directory, 'migrations'));
  const migrations = files.filter((name) => /^\d{4}-.*\.ts$/.test(name)).sort();
  return { ...JSON.parse(stdout), migrations: migrations.map((name) => name.slice(0, -3)) };
}
