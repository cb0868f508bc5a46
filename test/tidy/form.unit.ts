import { expect } from 'chai';
import { doubleCastAdapters, exceptions, longComments } from './exceptions.ts';
import { type FigureName, type Looked, looksAt } from './support/figures.ts';
import {
  capitalConstants,
  commentColumnsMax,
  doubleCasts,
  exportedBounds,
  fileLinesMax,
  functionLinesMax,
  longestComment,
  longestFunction,
  namesUsed,
  privateKeywords,
} from './support/rules.ts';
import { codeFolders, parseSource, type Source } from './support/sources.ts';

const bounds: Readonly<Record<keyof typeof exceptions & FigureName, number>> = {
  functionLines: functionLinesMax,
  fileLines: fileLinesMax,
  commentColumns: commentColumnsMax,
  privateKeywords: 0,
  capitalConstants: 0,
  doubleCasts: 0,
};

describe('the form of the code', function () {
  this.timeout(120_000);
  const all = (): Looked[] => codeFolders.flatMap(looksAt);

  const isLater = (name: string, file: string): boolean =>
    (name === 'doubleCasts' && doubleCastAdapters.includes(file)) ||
    (name === 'commentColumns' && longComments.some((folder) => file.startsWith(folder)));

  for (const name of Object.keys(bounds) as (keyof typeof bounds)[]) {
    const max = bounds[name];
    const excepted: Readonly<Record<string, number>> = exceptions[name];
    it(`${name}: at most ${max}, in every file that is no exception`, () => {
      const worse: string[] = [];
      const good = new Set(Object.keys(excepted));
      for (const { file, figures } of all().filter((one) => !isLater(name, one.file))) {
        const value = figures[name];
        if (value > max) good.delete(file);
        const allowed = excepted[file] ?? max;
        if (value > allowed) worse.push(`${file}: ${value}, at most ${allowed}`);
      }
      expect(worse).to.deep.equal([]);
      expect([...good], 'take it off the list in test/tidy/exceptions.ts').to.deep.equal([]);
    });
  }

  it('each folder with comments that are too long has some', () => {
    const good = longComments.filter((folder) =>
      all().every(
        ({ file, figures }) =>
          !file.startsWith(folder) || figures.commentColumns <= commentColumnsMax,
      ),
    );
    expect(good, 'take it off the list in test/tidy/exceptions.ts').to.deep.equal([]);
  });

  it('each adapter that may cast twice does', () => {
    const casting = all().filter(({ figures }) => figures.doubleCasts > 0);
    expect(casting.map(({ file }) => file)).to.include.members([...doubleCastAdapters]);
  });

  it('each bound that is exported is used, by more than tests', () => {
    const code = codeFolders.filter((folder) => folder !== 'test').flatMap(looksAt);
    const used = new Set(code.flatMap((one) => [...one.namesUsed]));
    const unused = code.flatMap((one) =>
      one.exportedBounds.filter((name) => !used.has(name)).map((name) => `${one.file}: ${name}`),
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
