#!/usr/bin/env node
// Runs dist/. In a checkout, it builds dist/ first if dist/ is missing or not made from the present sources. If it cannot,
// it runs the TypeScript sources as they are (docs/adr/0042-built-for-shipping.md).
import { accessSync, constants, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `reprise needs Node 20.19 or newer; this is ${process.version}. See https://nodejs.org`,
  );
  process.exit(1);
}

const sources = fileURLToPath(new URL('../src', import.meta.url));

/** Makes dist/ if it is missing or not made from the present sources. @returns whether it can run */
async function isBuilt() {
  // For example, an image.
  if (!existsSync(sources)) return true;
  const { build, isCurrent } = await import('./dist.js');
  if (isCurrent()) return true;
  let reason = 'a source changed meanwhile';
  try {
    build({ isAsked: false });
  } catch (error) {
    reason = error.message;
  }
  if (isCurrent()) return true;
  console.error(`reprise: dist/ cannot be built (${reason}): the sources run, which is slower.`);
  return false;
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
      'reprise: there is no dist/ that is made from these sources, and no tsx to run the sources. ' +
        'Run "npm ci --include=dev && npm run build" first.',
    );
    process.exit(1);
  });
  tsx.register();
  await import('../src/main.ts');
}

if (await isBuilt()) await import('../dist/src/main.js');
else await runSources();
