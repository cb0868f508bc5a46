#!/usr/bin/env node
// Runs the TypeScript sources as they are: there is no build step, so none can be out of date.
import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `reprise needs Node 20.19 or newer; this is ${process.version}. See https://nodejs.org`,
  );
  process.exit(1);
}
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
const { register } = await import('tsx/esm/api');
register();
await import('../src/main.ts');
