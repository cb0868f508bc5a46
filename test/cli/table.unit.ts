import { expect } from 'chai';
import { table } from '../../src/cli/table.ts';
import { displayWidth, padStart, wrapped } from '../../src/support/display-width.ts';

/** The column of the terminal at which the text's `|` is. */
const barAt = (line: string): number => displayWidth(line.slice(0, line.indexOf('|')));

describe('a table on a terminal', () => {
  it('has columns as wide as their widest cells', () => {
    expect(
      table([
        ['projection', 'version', 'status'],
        ['seat', '12', 'live'],
        ['reservation', '1', ''],
      ]),
    ).to.deep.equal([
      'projection   version  status',
      'seat         12       live',
      'reservation  1',
    ]);
  });

  it('keeps its columns below each other with Hangul, Chinese, emoji and combining marks', () => {
    const titles = ['plain', '봄 갈라 콘서트', '春节', '🎻 strings', 'Ame\u0301lie', ''];
    const lines = table(titles.map((title) => [title, '|']));
    expect(new Set(lines.map(barAt))).to.deep.equal(new Set([displayWidth('봄 갈라 콘서트') + 2]));
    expect(displayWidth('봄 갈라 콘서트')).to.equal(14);
  });

  it('negative control: padding by the number of characters does not', () => {
    const lines = ['plain', '봄 갈라'].map((title) => `${title.padEnd(8)}|`);
    expect(new Set(lines.map(barAt))).to.have.length(2);
  });

  it('takes rows of different lengths, and none', () => {
    expect(table([['a', 'b', 'c'], ['alone in its row'], ['x', 'y']])).to.deep.equal([
      'a  b  c',
      'alone in its row',
      'x  y',
    ]);
    expect(table([])).to.deep.equal([]);
  });
});

describe('text in columns', () => {
  it('is padded and wrapped by what it takes on a terminal', () => {
    expect(padStart('좌석', 6)).to.equal('  좌석');
    expect(padStart('too wide', 3)).to.equal('too wide');
    expect(wrapped('좌석 좌석 ab 좌석', 9)).to.deep.equal(['좌석 좌석', 'ab 좌석']);
    expect(wrapped('a wordthatistoolong b', 5)).to.deep.equal(['a', 'wordthatistoolong', 'b']);
  });
});
