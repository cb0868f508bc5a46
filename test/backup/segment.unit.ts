import { gunzipSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  decodeLine,
  encodeLine,
  NotAnEvent,
  stepsOf,
  timeOf,
} from '../../src/backup/event-line.ts';
import {
  readSegment,
  SegmentDamaged,
  type SegmentHead,
  SegmentText,
} from '../../src/backup/segment.ts';
import { anyCharacter } from '../support/any-character.ts';
import { madeEvent } from './support/archives.ts';

const head: SegmentHead = {
  reprise: 'backup',
  format: 1,
  archive: 'a',
  segment: 1,
  previous: null,
  after: null,
  writtenAt: '2027-05-01T10:00:00.000Z',
  version: 'test',
};

async function segmentOf(count: number): Promise<Buffer> {
  const text = new SegmentText();
  for (let n = 0; n < count; n += 1) text.add(madeEvent('seat-1/A', n));
  return (await text.close(head)).bytes;
}

async function codeOf(bytes: Uint8Array): Promise<string | undefined> {
  try {
    await readSegment(bytes);
    return undefined;
  } catch (error) {
    if (!(error instanceof SegmentDamaged)) throw error;
    return error.code;
  }
}

describe('a segment', () => {
  it('gives back the very bytes of any event', () => {
    const bytes = fc.uint8Array({ maxLength: 60 });
    const text = fc.string({ unit: anyCharacter, maxLength: 40 }).map((one) => Buffer.from(one));
    fc.assert(
      fc.property(
        fc.record({
          metadata: fc.oneof(bytes, text),
          data: fc.oneof(
            bytes,
            text,
            fc.json().map((one) => Buffer.from(one)),
          ),
          created: fc.bigInt(0n, 10n ** 17n).map((n) => String(n).padStart(5, '0')),
          revision: fc.bigInt(0n, 2n ** 63n - 1n),
          type: fc.string({ minLength: 1 }),
          contentType: fc.constantFrom('application/json', 'application/octet-stream'),
        }),
        (fields) => {
          const event = madeEvent('seat-1/A', 0, fields);
          const line = encodeLine(event);
          expect(line).not.to.contain('\n');
          const { metadata, data, created, ...rest } = decodeLine(line);
          expect({ ...rest }).to.deep.include({ type: event.type, revision: event.revision });
          expect(BigInt(created)).to.equal(BigInt(event.created));
          expect(Buffer.compare(metadata, event.metadata)).to.equal(0);
          expect(Buffer.compare(data, event.data)).to.equal(0);
        },
      ),
    );
  });

  it('keeps the time to 100 ns, in words that sort', () => {
    expect(timeOf('17776416000001234')).to.equal('2026-05-01T13:20:00.0001234Z');
    expect(stepsOf('2026-05-01T13:20:00.0001234Z')).to.equal('17776416000001234');
    expect(() => stepsOf('2026-05-01T13:20:00.000Z')).to.throw(NotAnEvent);
  });

  it('is full by its text or by its events', () => {
    const large = new SegmentText();
    large.add(madeEvent('seat-1/A', 0, { data: Buffer.alloc(5 * 1024 * 1024, 'a') }));
    expect(large.isFull).to.equal(true);
    const many = new SegmentText();
    for (let n = 0; n < 16_383; n += 1) many.add(madeEvent('seat-1/A', n, { data: Buffer.of() }));
    expect(many.isFull).to.equal(false);
    many.add(madeEvent('seat-1/A', 16_383));
    expect(many.isFull).to.equal(true);
  });

  it('can be read with gunzip, a line of JSON an event', async () => {
    const { head: read, events, end } = await readSegment(await segmentOf(3));
    expect(read).to.deep.equal(head);
    expect(events.map(({ revision }) => revision)).to.deep.equal([0n, 1n, 2n]);
    expect(end.events).to.equal(3);
  });

  it('that is cut anywhere is damaged', async () => {
    const bytes = await segmentOf(3);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(await codeOf(bytes.subarray(0, length)), `${length} bytes`).to.equal(
        'segment-damaged',
      );
    }
  });

  it('whose text was changed and packed again is damaged, and named', async () => {
    const text = gunzipSync(await segmentOf(3)).toString();
    const changed: Record<string, [code: string, text: string]> = {
      'another amount': ['segment-damaged', text.replace('{\\"n\\":', '{\\"m\\":')],
      'a line less': ['segment-damaged', text.replace(/\n[^\n]*Happened[^\n]*/, '')],
      'another layout': ['unknown-format', text.replace('"format":1', '"format":2')],
      'no first line': ['unknown-format', text.slice(text.indexOf('\n') + 1)],
      'no last line': ['unknown-format', text.split('\n').slice(0, -2).join('\n')],
      nothing: ['unknown-format', ''],
    };
    for (const [what, [code, now]] of Object.entries(changed)) {
      expect(await codeOf(gzipSync(now)), what).to.equal(code);
    }
  });

  it('whose last line tells of other events is wrong at its end', async () => {
    const text = gunzipSync(await segmentOf(3)).toString();
    expect(await codeOf(gzipSync(text.replace('"events":3', '"events":4')))).to.equal('wrong-end');
  });
});
