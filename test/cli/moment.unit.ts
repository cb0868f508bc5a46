import { expect } from 'chai';
import { z } from 'zod';
import { moment } from '../../src/cli/moment.ts';

describe('a time on the command line', () => {
  const iso = z.iso.datetime({ offset: true });
  const times = [
    '2027-05-01T19:00:00+09:00',
    '2027-05-01T19:00:00Z',
    '2027-05-01T19:00:00.123456-00:30',
    '2028-02-29T00:00:00Z',
    '0099-01-31T00:00:00Z',
  ];
  const others = [
    '',
    'now',
    '2027-05-01',
    '2027-05-01T19:00:00',
    '2027-05-01T19:00Z',
    '2027-05-01 19:00:00Z',
    '2027-02-29T00:00:00Z',
    '2027-02-30T00:00:00Z',
    '2027-04-31T00:00:00Z',
    '2027-13-01T00:00:00Z',
    '2027-05-01T24:00:00Z',
    '2027-05-01T19:60:00Z',
    '2027-05-01T19:00:00+24:00',
    '2027-05-01T19:00:00+0900',
  ];

  for (const text of times) {
    it(`takes ${text}, as the schema of the API does`, () => {
      expect(iso.safeParse(text).success).to.equal(true);
      expect(moment(text)).to.equal(Date.parse(text));
    });
  }

  for (const text of others) {
    it(`refuses ${JSON.stringify(text)}, as the schema of the API does`, () => {
      expect(iso.safeParse(text).success).to.equal(false);
      expect(() => moment(text)).to.throw('Give a time like');
    });
  }
});
