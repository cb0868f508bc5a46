import { readFile } from 'node:fs/promises';
import { expect } from 'chai';

const root = new URL('../../', import.meta.url);

/**
 * Of servers whose data or protocol we depend on to the patch: what is in docker-compose.yml was
 * tried.
 */
const exact = /^eventstore\/eventstore:\d+\.\d+\.\d+-[a-z]+(-[a-z]+)*$/;

/** Tags that name another image from one day to the next. */
const moving = /:(latest|lts|previous-lts|ci|edge|nightly|stable)(-|$)/;

describe('the images of docker-compose.yml', () => {
  let images: string[];
  before(async () => {
    const text = await readFile(new URL('docker-compose.yml', root), 'utf8');
    const all = [...text.matchAll(/^\s+image:\s*(\S+)\s*$/gm)].map(([, image = '']) => image);
    // Ours is built here, or is a version of the operator's choice.
    images = all.filter((image) => !image.startsWith('${REPRISE_IMAGE'));
  });

  it('none has a tag that moves, or no tag', () => {
    expect(images).to.have.lengthOf.at.least(3);
    for (const image of images) {
      expect(image, 'with a tag').to.match(/^[^:]+:[\w.-]+$/);
      expect(image, 'moves').not.to.match(moving);
    }
  });

  it('the event store is named to its patch and base, as docs/eventstoredb.md says that it was tried', async () => {
    const [image = ''] = images.filter((one) => one.includes('eventstore'));
    expect(image).to.match(exact);
    const tried = await readFile(new URL('docs/eventstoredb.md', root), 'utf8');
    const version = /:([\d.]+)-/.exec(image)?.[1];
    expect(tried, `${version} is not in docs/eventstoredb.md`).to.include(version);
  });
});
