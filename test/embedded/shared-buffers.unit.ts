import { expect } from 'chai';
import { sharedBuffersMib } from '../../embedded/postgres/server.ts';

const gib = 1024 ** 3;

describe('the cache of the embedded PostgreSQL', () => {
  it('is an eighth of the memory, from 64 MiB to 1 GiB', () => {
    expect(sharedBuffersMib(4 * gib, 0)).to.equal(512);
    expect(sharedBuffersMib(gib / 4, 0)).to.equal(64);
    expect(sharedBuffersMib(24 * gib, 0)).to.equal(1_024);
  });

  it('follows the limit of a container, and takes a huge number for no limit', () => {
    expect(sharedBuffersMib(24 * gib, 2 * gib)).to.equal(256);
    expect(sharedBuffersMib(4 * gib, 2 ** 64)).to.equal(512);
  });
});
