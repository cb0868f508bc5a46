import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';

const folder = 'docs/adr';

describe('the decisions in docs/adr', () => {
  const pages = readdirSync(folder).filter((name) => /^\d{4}-/.test(name));
  const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8');
  const index = read('README.md');

  for (const name of pages) {
    it(`${name} has a number, a status and a date, and is in the index with them`, () => {
      const head = /^# (\d+)\. (.+)\n\n- Status: (.+)\n- Date: (.+)\n/.exec(read(name));
      expect(head, 'its first lines').not.to.equal(null);
      const [, number, title, status = '', date = ''] = head ?? [];
      expect(Number(number)).to.equal(Number(name.slice(0, 4)));
      expect(status).to.match(
        /^(proposed|accepted(, extended by \[ADR .*\])?|superseded by \[ADR .*\])/,
      );
      expect(date).to.match(/^\d{4}-\d{2}-\d{2}$/);
      const rows = index.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
      const cells = rows.find(([, , link]) => link?.endsWith(`](${name})`)) ?? [];
      expect(cells.slice(1, 5)).to.deep.equal([number, `[${title}](${name})`, status, date]);
      expect(cells[5], 'its one sentence').to.match(/\.$/);
    });
  }
});

describe('what names test files', () => {
  /** Paths and patterns of test files. */
  const named = (file: string): string[] =>
    readFileSync(file, 'utf8').match(/test\/[\w/*{},.-]+\.(ts|mjs)\b/g) ?? [];

  for (const file of ['package.json', '.ci/run', 'test/support/test-real.ts', 'README.md']) {
    it(`${file} names ones that exist`, () => {
      const all = readdirSync('test', { recursive: true, encoding: 'utf8' });
      const isThere = (pattern: string): boolean => {
        const is = matcher(pattern);
        return all.some((name) => is.test(path.posix.join('test', name)));
      };
      // Below any folder, some of the kinds may be missing.
      const missing = named(file).filter((pattern) =>
        pattern.includes('**')
          ? !alternatives(pattern).some(isThere)
          : !alternatives(pattern).every(isThere),
      );
      expect(missing).to.deep.equal([]);
    });
  }
});

describe('the benchmarks', () => {
  const scripts = readFileSync('package.json', 'utf8');
  const files = [...new Set(scripts.match(/\bbench\/[\w-]+\.ts/g))];

  it('are found', () => {
    expect(files).to.include.members(['bench/journey.ts', 'bench/long-streams.ts']);
  });

  for (const file of files) {
    it(`${file} has its npm script in its head comment, and imports the help that prints it`, () => {
      const text = readFileSync(file, 'utf8');
      const [head = ''] = /^\/\*\*\n[\s\S]*?\n \*\//.exec(text) ?? [];
      const [, script] = /npm run (bench:[\w-]+|faults)/.exec(head) ?? [];
      expect(scripts).to.contain(`"${script}":`);
      expect(text).to.contain("import './support/help.ts';");
    });
  }
});

/** A pattern with `*` and `**` as a regular expression. */
function matcher(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+]/g, '\\$&');
  const source = escaped.replace(/\*\*\/|\*/g, (stars) => (stars === '*' ? '[^/]*' : '(.*/)?'));
  return new RegExp(`^${source}$`);
}

/** `a{b,c}` as `ab` and `ac`. */
function alternatives(pattern: string): string[] {
  const braces = /^(.*?)\{([^{}]*)\}(.*)$/.exec(pattern);
  if (braces === null) return [pattern];
  const [, before = '', choices = '', after = ''] = braces;
  return choices.split(',').flatMap((choice) => alternatives(before + choice + after));
}
