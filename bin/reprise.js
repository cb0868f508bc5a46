#!/usr/bin/env node
// Runs what `npm run build` made in dist/. In a checkout whose sources are newer than that, or that was never built, it
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
const sources = ['src', 'embedded', 'migrations'].map((folder) => join(root, folder));

/** Undefined when there is nothing to run but the sources. */
function builtProgram() {
  // The build writes this file last.
  const built = statSync(join(root, 'dist', 'package.json'), { throwIfNoEntry: false });
  if (built === undefined) return undefined;
  const isOld = sources
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name)))
    .some((file) => statSync(file).mtimeMs > built.mtimeMs);
  return isOld ? undefined : new URL('../dist/src/main.js', import.meta.url);
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

const program = builtProgram();
if (program === undefined) await runSources();
else await import(program.href);
