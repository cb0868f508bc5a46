#!/usr/bin/env node
// Runs dist/. In a checkout whose sources are newer than dist/, or that has none, it builds dist/ first. If it cannot, it
// runs the TypeScript sources as they are (docs/adr/0042-built-for-shipping.md).
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `reprise needs Node 20.19 or newer; this is ${process.version}. See https://nodejs.org`,
  );
  process.exit(1);
}

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = ['src', 'embedded', 'migrations', join('ops', 'contracts')].map((folder) =>
  join(root, folder),
);

/** Whether dist/ is there and no source is newer. An installation for production has no sources. */
function isBuilt() {
  // The build writes this file last.
  const built = statSync(join(root, 'dist', 'package.json'), { throwIfNoEntry: false });
  if (built === undefined) return false;
  return !sources
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name)))
    .some((file) => statSync(file).mtimeMs > built.mtimeMs);
}

/** The types are not checked, because this would take five times as long. `npm run build` checks them. */
async function wasBuiltNow() {
  try {
    const { build } = await import('./build.js');
    return build({ compilerOptions: ['--noCheck'], stdio: 'ignore' }) === 0;
  } catch {
    return false; // for example, an installation without build.js, or a checkout of another user
  }
}

async function runSources() {
  try {
    accessSync(tmpdir(), constants.W_OK);
  } catch (error) {
    // Compiled sources are kept there. Without that every start compiles them, this process's children's as well.
    process.env.TSX_DISABLE_CACHE = '1';
    console.error(
      `reprise: the temporary directory cannot be written (${error.message}): starting is a little slower. ` +
        'Set TMPDIR to one that can.',
    );
  }
  const tsx = await import('tsx/esm/api').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    console.error(
      'reprise: there is no dist/ that is as new as the sources, and no tsx to run the sources. ' +
        'Run "npm ci --include=dev && npm run build" first.',
    );
    process.exit(1);
  });
  tsx.register();
  await import('../src/main.ts');
}

if (isBuilt() || (await wasBuiltNow())) await import('../dist/src/main.js');
else await runSources();
