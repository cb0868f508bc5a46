import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const cli = new URL('../../src/cli/', import.meta.url);

/** The packages that a file loads before it runs, with those of the files that it imports. */
function packagesOf(file: URL, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(file.href)) return packages;
  seen.add(file.href);
  const text = readFileSync(fileURLToPath(file), 'utf8');
  for (const [, isType, from = ''] of text.matchAll(
    /^(?:import|export)(?: (type)\b)?[^;]*?\bfrom '([^']+)';/gms,
  )) {
    if (isType !== undefined || from.startsWith('node:')) continue;
    if (!from.startsWith('.')) packages.add(from);
    else for (const one of packagesOf(new URL(from, file), seen)) packages.add(one);
  }
  return packages;
}

describe('the help of a command', () => {
  for (const name of ['history', 'verify']) {
    it(`of ${name} loads nothing but commander`, () => {
      expect([...packagesOf(new URL(`${name}.ts`, cli))]).to.deep.equal(['commander']);
    });
  }

  it('would load the client of the event store with what reads the log (negative control)', () => {
    const packages = packagesOf(new URL('history-show.ts', cli));
    expect([...packages]).to.include.members(['@eventstore/db-client', 'zod']);
  });
});
