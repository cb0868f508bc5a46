import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { looksAt } from './support/figures.ts';
import { cycle, importsBetween, isIn, lintRule, readMap, refused, unused } from './support/map.ts';

/** `UPDATE_LINT=1 npx mocha test/tidy/map.unit.ts` writes the rules into biome.json. */
const isUpdate = process.env.UPDATE_LINT !== undefined;

/** Names that may be there in several folders; CONTRIBUTING.md says what each means. */
const namesOfEachFolder = ['bounds.ts', 'decider.ts', 'options.ts', 'projection.ts', 'snapshot.ts'];

interface Biome {
  overrides: {
    includes: string[];
    linter: { rules: { style?: { noRestrictedImports?: unknown } } };
  }[];
}

describe('the map in docs/architecture.md', function () {
  this.timeout(60_000);
  const map = readMap();
  const imports = () =>
    importsBetween((['src', 'embedded', 'migrations', 'load'] as const).flatMap(looksAt));

  it('has a row for each folder of src/, and no other', () => {
    const folders = readdirSync('src').map((name) => `src/${name}`);
    const inMap = map.map(({ name }) => name).filter((name) => name.startsWith('src/'));
    expect(inMap).to.have.members(folders);
  });

  it('names parts that exist', () => {
    const parts = map.flatMap(({ mayImport = [] }) => mayImport);
    const missing = parts.filter((part) => !existsSync(part) && !existsSync(`src/${part}`));
    expect(missing).to.deep.equal([]);
  });

  it('leads to files of which no two have one name, but for names that say the same of each folder', () => {
    const seen = new Map<string, string[]>();
    for (const { file } of looksAt('src')) {
      const name = path.posix.basename(file);
      seen.set(name, [...(seen.get(name) ?? []), file]);
    }
    const twice = [...seen].filter(([, files]) => files.length > 1).map(([name]) => name);
    expect(twice, 'give the file a name of its own').to.have.members(namesOfEachFolder);
  });

  it('allows every import that there is', () => {
    expect(refused(map, imports())).to.deep.equal([]);
  });

  it('allows nothing that nobody imports', () => {
    expect(unused(map, imports())).to.deep.equal([]);
  });

  it('has no cycle of folders', () => {
    expect(cycle(map, imports())).to.equal(undefined);
  });

  it('is what the linter refuses by', () => {
    const rules = map
      .filter(({ mayImport, name }) => mayImport !== undefined && !name.endsWith('.ts'))
      .filter(({ name }) => name.startsWith('src/') || name === 'embedded')
      .map((folder) => lintRule(map, folder));
    const biome = JSON.parse(readFileSync('biome.json', 'utf8')) as Biome;
    const isRule = ({ linter }: Biome['overrides'][number]) =>
      linter.rules.style?.noRestrictedImports !== undefined;
    if (isUpdate) {
      const others = biome.overrides.filter((one) => !isRule(one));
      const text = JSON.stringify({ ...biome, overrides: [...others, ...rules] });
      writeFileSync('biome.json', text);
      execFileSync('npx', ['biome', 'format', '--write', 'biome.json']);
      return;
    }
    expect(biome.overrides.filter(isRule), 'UPDATE_LINT=1 writes them').to.deep.equal(rules);
  });

  it('has no inner folder with the name of a folder of the map: the linter would confuse them', () => {
    const names = map.map(({ name }) => name.replace(/^src\//, ''));
    const inside = [...looksAt('src'), ...looksAt('embedded')]
      .flatMap(({ file }) =>
        file
          .replace(/^src\//, '')
          .split('/')
          .slice(1, -1),
      )
      .filter((folder) => names.includes(folder));
    expect(inside).to.deep.equal([]);
  });
});

describe('the rules of the map', () => {
  const map = [
    { name: 'src/a', mayImport: ['b', 'c/port.ts'] },
    { name: 'src/b', mayImport: [] },
    { name: 'src/c', mayImport: ['b'] },
    { name: 'src/d', mayImport: undefined },
  ];
  const one = (from: string, to: string) => ({ from: `src/${from}`, to: `src/${to}` });

  it('refuse what a folder may not import', () => {
    const good = [one('a/x.ts', 'b/y.ts'), one('a/x.ts', 'c/port.ts'), one('d/x.ts', 'a/x.ts')];
    expect(refused(map, [...good, one('a/x.ts', 'a/y.ts')])).to.deep.equal([]);
    const bad = [one('a/x.ts', 'c/y.ts'), one('b/y.ts', 'a/x.ts')];
    expect(refused(map, [...good, ...bad])).to.deep.equal(bad);
  });

  it('find what is allowed and not used', () => {
    expect(unused(map, [one('a/x.ts', 'b/y.ts'), one('c/port.ts', 'b/y.ts')])).to.deep.equal([
      'src/a: c/port.ts',
    ]);
  });

  it('find a cycle, and take a file that is named for a part of its own', () => {
    const port = [one('a/x.ts', 'c/port.ts'), one('c/y.ts', 'a/x.ts')];
    expect(cycle(map, port)).to.equal(undefined);
    expect(cycle(map, [...port, one('c/port.ts', 'c/y.ts')])).to.deep.equal(['a', 'c', 'a']);
    expect(cycle(map, [one('a/x.ts', 'b/y.ts'), one('b/y.ts', 'a/x.ts')])).to.deep.equal([
      'a',
      'b',
      'a',
    ]);
  });

  it('become patterns of the linter', () => {
    expect(lintRule(map, map[0] as (typeof map)[0]))
      .to.have.nested.property('linter.rules.style.noRestrictedImports.options.patterns[0].group')
      .that.deep.equals(['**/c/**', '!**/c/port.ts', '**/d/**']);
    expect(isIn('src/ab/x.ts', 'src/a')).to.equal(false);
  });
});
