import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { rules } from '../../src/alarm/rules.ts';
import { ask, asText, type Card, cards } from '../../src/drill/tabletop.ts';

const wordsOf = (card: Card): string => asText(card);

describe('cards for people', () => {
  it('have names of their own, that are on the page about drills', () => {
    const names = cards.map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
    const page = readFileSync('docs/drills.md', 'utf8').replace(/ +\|/g, ' |');
    for (const { name, about } of cards) expect(page).to.include(`| \`${name}\` | ${about} |`);
  });

  for (const card of cards) {
    it(`${card.name} names pages and alarms that there are`, () => {
      for (const page of card.pages) expect(existsSync(page), page).to.equal(true);
      const alarms = wordsOf(card).match(/\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b/g) ?? [];
      const known = [...rules.map(({ name }) => name), 'SeatReserved'];
      expect(alarms.filter((name) => !known.includes(name))).to.deep.equal([]);
    });
  }
});

describe('people who are asked', () => {
  const [card] = cards as readonly [Card];

  it('see what a good answer has after their own, and their time is taken', async () => {
    const said: string[] = [];
    const goods = card.steps.map(({ good }) => good);
    const seenBefore: boolean[] = [];
    const question = async () => {
      const next = goods[seenBefore.length] ?? '';
      seenBefore.push(said.some((line) => line.includes(next)));
      return `answer ${seenBefore.length}`;
    };
    const timed = await ask(card, { question }, (line) => said.push(line));
    expect(seenBefore).to.deep.equal(card.steps.map(() => false));
    for (const good of goods) expect(said.join('\n')).to.include(good);
    expect(timed.map(({ answer }) => answer)).to.deep.equal(
      card.steps.map((_, at) => `answer ${at + 1}`),
    );
    for (const { seconds } of timed) expect(seconds).to.be.within(0, 60);
  });

  it('may leave: what they answered until then counts', async () => {
    let asked = 0;
    const question = async () => {
      asked += 1;
      if (asked > 1) throw new Error('the input ended');
      return 'one';
    };
    expect(await ask(card, { question }, () => {})).to.have.length(1);
    expect(asked).to.equal(2);
  });
});
