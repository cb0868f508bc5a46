import { execFileSync } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((page) => page !== '');

/** Paths that a page names: links to files, and code spans that begin with a folder of ours. */
function* pathsIn(page: string, text: string): Generator<string> {
  for (const [, link = ''] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
    if (!/^[a-z]+:/.test(link)) yield join(dirname(page), link);
  }
  for (const [, path = ''] of text.matchAll(
    /`((?:src|test|docs|bench|load|embedded|migrations)\/[\w./-]+)`/g,
  )) {
    yield path;
  }
}

describe('the documents', () => {
  it('name only files and folders that exist', async () => {
    const missing: string[] = [];
    for (const page of pages) {
      for (const path of pathsIn(page, await readFile(join(root, page), 'utf8'))) {
        await access(join(root, path)).catch(() => missing.push(`${page}: ${path}`));
      }
    }
    expect(missing).to.deep.equal([]);
  });

  it('finds a path that does not exist (negative control)', () => {
    const text = '[a](no-such.md), [b](https://example.org/x), `src/no-such/`';
    expect([...pathsIn('docs/page.md', text)]).to.deep.equal(['docs/no-such.md', 'src/no-such/']);
  });
});
