import { expect } from 'chai';
import { eventSchemas } from '../../src/events/events.ts';

describe('the doubles of an index', () => {
  const isAccepted = (entries: string): boolean =>
    eventSchemas.AccountIndexed.safeParse({
      ...{ from: 0, to: 0, countsUntil: '2027-01-01T00:00:00.000Z' },
      ...{ entries, refunds: '' },
    }).success;
  const textOf = (numbers: readonly number[]) =>
    Buffer.from(Float64Array.from(numbers).buffer).toString('base64');

  it('are accepted, however many they are', () => {
    for (const count of [0, 1, 2, 3, 4, 5, 50_000]) {
      expect(isAccepted(textOf(Array.from({ length: count }, (_, n) => n))), `${count}`).to.equal(
        true,
      );
    }
  });

  const one = textOf([1]);
  for (const [what, text] of Object.entries({
    'bytes that are no whole double': 'AAAA',
    'text without its padding': one.slice(0, -1),
    'a space between': `${one.slice(0, 4)} ${one.slice(4)}`,
    'a character of the other alphabet': one.replace(/^./, '-'),
    'bits after the end': one.replace(/8=$/, '9='),
    'text after the end': `${one}AAAA`,
  })) {
    it(`are not ${what}`, () => {
      expect(text).to.not.equal(one);
      expect(isAccepted(text)).to.equal(false);
    });
  }
});
