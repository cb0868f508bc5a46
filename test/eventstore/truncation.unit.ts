import { expect } from 'chai';
import { maxRevision } from '../../embedded/eventstore/codec/wire.ts';
import {
  firstVisibleRevision,
  isExpired,
  isSoftDeleted,
  parseStreamMetadata,
  withTruncateBefore,
} from '../../embedded/eventstore/streams/metadata.ts';

const parse = (json: string) => parseStreamMetadata(Buffer.from(json));

describe('event store: truncation', () => {
  it('metadata says what is hidden, and what it does not understand says nothing', () => {
    expect(parse('{"$maxCount":3,"$maxAge":60,"$tb":7,"owner":"x"}')).to.deep.equal({
      maxCount: 3,
      maxAgeSeconds: 60,
      truncateBefore: 7,
    });
    const nothing = ['', 'no json', '[]', 'null', '{"$tb":-1}', '{"$maxCount":0}', '{}'];
    const misunderstood = [
      ...['"3"', '2.5', '3.0', '3e0', 'null', 'true', '9223372036854777856'].map(
        (value) => `{"$maxCount":${value},"$tb":7}`,
      ),
      '{"$tb":7,"$tmp":1}',
      '{"$tb":7,"$acl":[]}',
      '{"$tb":7,"$acl":{"$r":1}}',
      '{"$tb":7,"$acl":{"$x":"$all"}}',
    ];
    for (const json of [...nothing, ...misunderstood]) expect(parse(json), json).to.deep.equal({});
    expect(parseStreamMetadata(undefined)).to.deep.equal({});
  });

  it('the first visible revision is the highest of all bounds', () => {
    const cases: [number, string, number][] = [
      [9, '{}', 0],
      [9, '{"$maxCount":3}', 7],
      [9, '{"$maxCount":20}', 0],
      [9, '{"$tb":4}', 4],
      [9, '{"$tb":4,"$maxCount":3}', 7],
      [9, '{"$tb":8,"$maxCount":3}', 8],
      [9, '{"$tb":12}', 12],
      [-1, '{"$maxCount":3}', 0],
    ];
    for (const [last, json, first] of cases)
      expect(firstVisibleRevision(last, parse(json)), `${last} ${json}`).to.equal(first);
  });

  it('an event is hidden once it is older than $maxAge', () => {
    const metadata = parse('{"$maxAge":10}');
    expect(isExpired(1_000, metadata, 11_000)).to.equal(false);
    expect(isExpired(1_000, metadata, 11_001)).to.equal(true);
    expect(isExpired(1_000, parse('{}'), Number.MAX_SAFE_INTEGER)).to.equal(false);
  });

  it('a soft delete is written as 2^63 − 1 and read as one', () => {
    const data = withTruncateBefore(undefined, maxRevision);
    expect(data.toString()).to.equal('{"$tb":9223372036854775807}');
    expect(isSoftDeleted(parseStreamMetadata(data))).to.equal(true);
    expect(isSoftDeleted(parse('{"$tb":5}'))).to.equal(false);
    const most = parse('{"$tb":9007199254740991}');
    expect(isSoftDeleted(most), 'the greatest number of JavaScript is no soft delete').to.equal(
      false,
    );
    expect(firstVisibleRevision(9, most)).to.equal(Number.MAX_SAFE_INTEGER);
  });

  it('another $tb leaves the rest of the metadata as it was', () => {
    const before = Buffer.from('{"$tb":9223372036854775807,"$acl":{"$r":"$all"},"n":1}');
    const after = JSON.parse(withTruncateBefore(before, 4).toString());
    expect(after).to.deep.equal({ $tb: 4, $acl: { $r: '$all' }, n: 1 });
  });
});
