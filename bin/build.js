#!/usr/bin/env node
// `npm run build`: makes dist/, which bin/reprise.js runs without a compiler. dist/ appears whole or not at all.
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const unfinished = join(root, 'dist.unfinished');
const dist = join(root, 'dist');

rmSync(unfinished, { recursive: true, force: true });
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(
  process.execPath,
  [compiler, '--project', join(root, 'tsconfig.build.json'), '--outDir', unfinished],
  { stdio: 'inherit' },
);
if (status !== 0) process.exit(status ?? 1);

// Files that the program reads beside its own.
for (const folder of ['src', 'embedded', 'migrations']) {
  for (const name of readdirSync(join(root, folder), { recursive: true })) {
    if (name.endsWith('.lua')) cpSync(join(root, folder, name), join(unfinished, folder, name));
  }
}
cpSync(join(root, 'ops', 'contracts'), join(unfinished, 'ops', 'contracts'), { recursive: true });
// Last: its time is that of the build. It also has the version, and says that the files are modules.
cpSync(join(root, 'package.json'), join(unfinished, 'package.json'));
rmSync(dist, { recursive: true, force: true });
renameSync(unfinished, dist);
