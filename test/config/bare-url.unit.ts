import { expect } from 'chai';
import { bare } from '../../src/servers/servers.ts';

describe('a URL as it is shown', () => {
  const shown: Record<string, string> = {
    'postgres://u:secret@host:5432/db': 'postgres://host:5432/db',
    'postgres://u:sec@ret@host:5432/db': 'postgres://host:5432/db',
    'postgres://u:sec/ret@host/db': 'postgres://host/db',
    'postgres://u:sec?ret@host/db': 'postgres://…',
    'postgres://u:s@c?ret@host/db': 'postgres://…',
    'postgres://u:sec//ret@x@host/db?sslmode=require': 'postgres://host/db',
    'postgres://host/db?user=u&password=secret': 'postgres://host/db',
    'postgres://u:secret@host/db?password=sec@ret': 'postgres://…',
    'esdb+discover://u:s@cret@a:2113,b:2113?tls=false': 'esdb+discover://a:2113,b:2113',
    'esdb://127.0.0.1:2113?tls=false': 'esdb://127.0.0.1:2113',
    'rediss://:secret@host:6379/1': 'rediss://host:6379/1',
  };
  for (const [url, text] of Object.entries(shown)) {
    it(`${url} has no password in it`, () => {
      expect(bare(url)).to.equal(text);
    });
  }
});
