import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Loads the sources in a lane (node --import …). tsx gives each function its name again whenever it
 * is made, and reads each import through a getter. Tests of hot code then take a fifth longer, and
 * what they measure is not what `npm run build` makes. What esbuild made of a file is kept in
 * `node_modules/.cache`, by the file's name and text.
 */

const query = '?hooks';
const require = createRequire(import.meta.url);
const cache = path.resolve(
  'node_modules/.cache',
  `lanes-${require('esbuild/package.json').version}`,
);

// Node loads this file a second time, for its hooks.
if (!import.meta.url.endsWith(query)) {
  mkdirSync(cache, { recursive: true });
  register(`${import.meta.url}${query}`);
}

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context);
  const file = fileURLToPath(url);
  const text = readFileSync(file, 'utf8');
  const kept = path.join(cache, createHash('sha1').update(file).update(text).digest('hex'));
  return { format: 'module', source: known(kept) ?? made(kept, file, text), shortCircuit: true };
}

function known(kept) {
  try {
    return readFileSync(kept, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function made(kept, file, text) {
  const options = { loader: 'ts', format: 'esm', target: 'node20', sourcemap: 'inline' };
  const { code } = require('esbuild').transformSync(text, { ...options, sourcefile: file });
  // Another lane may read it, or write the same, at this moment.
  writeFileSync(`${kept}.${process.pid}`, code);
  renameSync(`${kept}.${process.pid}`, kept);
  return code;
}
