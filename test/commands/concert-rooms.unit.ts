import { expect } from 'chai';
import { checkConcert } from '../../src/check/concert.ts';
import { Catalog } from '../../src/commands/concert/catalog.ts';
import { parseCatalog } from '../../src/commands/concert/catalog-file.ts';
import { CatalogFileError } from '../../src/commands/concert/catalog-file-error.ts';
import { checkConcertId, checkRoom } from '../../src/events/check-concert.ts';
import type { StoredEvent } from '../../src/events/codec.ts';

describe('rooms of concerts', () => {
  it('knows the room of a concert, and the rooms that concerts had', () => {
    const catalog = new Catalog();
    const revise = (stream: string, waitingRoom?: string) => {
      const data = { title: 'One', ...(waitingRoom !== undefined && { waitingRoom }) };
      catalog.apply({ stream, type: 'ConcertRevised', data } as StoredEvent);
    };
    revise('concert-c1', 'gala');
    revise('concert-c2');
    expect(['c1', 'c2', 'none'].map((id) => catalog.roomOf(id))).to.deep.equal(['gala', '', '']);
    revise('concert-c1', 'tour');
    expect(catalog.roomOf('c1')).to.equal('tour');
    revise('concert-c1');
    expect(catalog.roomOf('c1')).to.equal('');
    expect([...catalog.rooms]).to.deep.equal(['gala', 'tour']);
    const other = new Catalog();
    other.apply({
      stream: 'concert-c3',
      ...{ type: 'ConcertRegistered', data: { title: 'Three', waitingRoom: 'hall' } },
    } as StoredEvent);
    catalog.becomeLike(other);
    expect([...catalog.rooms]).to.deep.equal(['hall']);
    expect(catalog.roomOf('c3')).to.equal('hall');
  });

  it('gives the concert of the check its room, of which its event says nothing', () => {
    const catalog = new Catalog();
    expect(catalog.roomOf(checkConcertId)).to.equal('');
    const data = { title: checkConcert.title };
    catalog.apply({
      ...{ stream: `concert-${checkConcertId}`, type: 'ConcertRegistered', data },
    } as StoredEvent);
    expect(catalog.roomOf(checkConcertId)).to.equal(checkRoom);
    expect([...catalog.rooms]).to.deep.equal([checkRoom]);
    // Releases without rooms read this version.
    expect(checkConcert).not.to.have.property('waitingRoom');
  });

  it('gives concerts rooms of the waiting queue, up to a number', () => {
    const concerts = (rooms: readonly (string | undefined)[]) =>
      JSON.stringify({
        concerts: rooms.map((waitingRoom, n) => ({
          ...{ concertId: `c${n}`, title: 'One', sessions: [] },
          ...(waitingRoom !== undefined && { waitingRoom }),
        })),
      });
    const read = parseCatalog(concerts(['gala', undefined, 'gala']));
    expect(read.map(({ waitingRoom }) => waitingRoom)).to.deep.equal(['gala', undefined, 'gala']);
    const many = Array.from({ length: 101 }, (_, n) => `room-${n}`);
    expect(parseCatalog(concerts([...many.slice(1), 'room-1']))).to.have.length(101);
    expect(() => parseCatalog(concerts(many))).to.throw(CatalogFileError, '101 rooms');
    for (const wrong of ['', 'a room', 'a.b', 'x'.repeat(65)]) {
      expect(() => parseCatalog(concerts([wrong])), wrong).to.throw(
        CatalogFileError,
        'concerts.0.waitingRoom: must match',
      );
    }
  });
});
