import { expect } from 'chai';
import { doubleCastAdapters, exceptions, longComments } from './exceptions.ts';
import {
  capitalConstants,
  commentColumnsMax,
  doubleCasts,
  exportedBounds,
  fileLines,
  fileLinesMax,
  functionLinesMax,
  longestComment,
  longestFunction,
  namesUsed,
  privateKeywords,
} from './support/rules.ts';
import { codeFolders, parseSource, type Source, sourcesIn } from './support/sources.ts';

const rules: Readonly<
  Record<keyof typeof exceptions, [max: number, figure: (source: Source) => number]>
> = {
  functionLines: [functionLinesMax, longestFunction],
  fileLines: [fileLinesMax, fileLines],
  commentColumns: [commentColumnsMax, longestComment],
  privateKeywords: [0, privateKeywords],
  capitalConstants: [0, capitalConstants],
  doubleCasts: [0, doubleCasts],
};

describe('the form of the code', function () {
  this.timeout(120_000);
  const all = (): Source[] => codeFolders.flatMap((folder) => sourcesIn(folder));

  const isLater = (name: string, file: string): boolean =>
    (name === 'doubleCasts' && doubleCastAdapters.includes(file)) ||
    (name === 'commentColumns' && longComments.some((folder) => file.startsWith(folder)));

  for (const [name, [max, figure]] of Object.entries(rules)) {
    const excepted: Readonly<Record<string, number>> = exceptions[name as keyof typeof exceptions];
    it(`${name}: at most ${max}, in every file that is no exception`, () => {
      const worse: string[] = [];
      const good = new Set(Object.keys(excepted));
      for (const source of all().filter(({ file }) => !isLater(name, file))) {
        const value = figure(source);
        if (value > max) good.delete(source.file);
        const allowed = excepted[source.file] ?? max;
        if (value > allowed) worse.push(`${source.file}: ${value}, at most ${allowed}`);
      }
      expect(worse).to.deep.equal([]);
      expect([...good], 'take it off the list in test/tidy/exceptions.ts').to.deep.equal([]);
    });
  }

  it('each folder with comments that are too long has some', () => {
    const good = longComments.filter((folder) =>
      all().every(
        (source) => !source.file.startsWith(folder) || longestComment(source) <= commentColumnsMax,
      ),
    );
    expect(good, 'take it off the list in test/tidy/exceptions.ts').to.deep.equal([]);
  });

  it('each adapter that may cast twice does', () => {
    const casting = all().filter((source) => doubleCasts(source) > 0);
    expect(casting.map(({ file }) => file)).to.include.members([...doubleCastAdapters]);
  });

  it('each bound that is exported is used, by more than tests', () => {
    const code = codeFolders
      .filter((folder) => folder !== 'test')
      .flatMap((folder) => sourcesIn(folder));
    const used = new Set(code.flatMap((source) => [...namesUsed(source)]));
    const unused = code.flatMap((source) =>
      exportedBounds(source)
        .filter((name) => !used.has(name))
        .map((name) => `${source.file}: ${name}`),
    );
    expect(unused).to.deep.equal([]);
  });
});

describe('the rules of form', () => {
  const source = (text: string): Source => parseSource('one.ts', text);
  const body = (count: number): string => 'work();\n'.repeat(count);

  it('measure functions of every kind, and no suite', () => {
    expect(longestFunction(source(`function f() {\n${body(70)}}`))).to.equal(72);
    expect(longestFunction(source(`const f = () => {\n${body(3)}}`))).to.equal(5);
    expect(longestFunction(source(`class A { #m() {\n${body(4)}} }`))).to.equal(6);
    expect(
      longestFunction(source(`describe('a', () => {\nit('b', () => {\n${body(2)}})\n})`)),
    ).to.equal(4);
  });

  it('measure the columns of comments, and not of what cannot be broken', () => {
    const long = 'x'.repeat(120);
    expect(longestComment(source(`// ${long} y`))).to.equal(125);
    expect(longestComment(source(`/**\n * ${long} y\n */`))).to.equal(125);
    expect(longestComment(source(`// ${long}`))).to.equal(0);
    expect(longestComment(source(`const a = '// ${long} y';`))).to.equal(0);
  });

  it('find the keyword private, constants in capitals and double casts', () => {
    expect(privateKeywords(source('class A { private a = 1; private constructor() {} }'))).to.equal(
      1,
    );
    expect(
      capitalConstants(source('const A_MAX = 1; const { B_MAX } = env; const aMax = 1;')),
    ).to.equal(1);
    expect(doubleCasts(source('const a = b as unknown as C; const d = b as C;'))).to.equal(1);
  });

  it('find exported bounds, and where names are used', () => {
    const text = 'export const aMax = 1; const bMax = 2; export const c = aMax;';
    expect(exportedBounds(source(text))).to.deep.equal(['aMax']);
    expect([...namesUsed(source('import { dMax } from "./d"; const eMax = fMax;'))]).to.deep.equal([
      'fMax',
    ]);
  });
});
