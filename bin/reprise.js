#!/usr/bin/env node
// Runs the TypeScript sources as they are: there is no build step, so none can be out of date.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `reprise needs Node 20.19 or newer; this is ${process.version}. See https://nodejs.org`,
  );
  process.exit(1);
}
const { register } = await import('tsx/esm/api');
register();
await import('../src/main.ts');
