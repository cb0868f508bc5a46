import { expect } from 'chai';
import { isOfOtherLog, withRecordedAt } from '../../src/backup/restorable.ts';
import { type RecordedEvent, recordedMs } from '../../src/events/codec.ts';
import { afterEvent, type RestoredLog } from '../../src/events/restored.ts';
import { madeEvent } from './support/archives.ts';

const recorded = '{"recordedAt":"2026-05-01T13:20:00.0001234Z"';
const stamped = (metadata: string | Uint8Array): string =>
  Buffer.from(
    withRecordedAt(madeEvent('seat-1/A', 0, { metadata: Buffer.from(metadata) })),
  ).toString();

describe('an event that is restored', () => {
  it('has its time of before in the metadata, and the rest of it byte by byte', () => {
    expect(stamped('{"schemaVersion":1}')).to.equal(`${recorded},"schemaVersion":1}`);
    expect(stamped(' { "a" : 1e0,"b":"\\u00e9"} ')).to.equal(
      `${recorded},"a" : 1e0,"b":"\\u00e9"} `,
    );
    expect(stamped('{}')).to.equal(`${recorded}}`);
    expect(stamped('')).to.equal(`${recorded}}`);
  });

  it('keeps the time that it had when it was restored before', () => {
    const before = '{"recordedAt":"2020-01-01T00:00:00.0000000Z","schemaVersion":1}';
    expect(stamped(before)).to.equal(before);
  });

  it('whose metadata is no object keeps it', () => {
    for (const text of ['[1]', '"x"', 'null', '{"a"', '7']) expect(stamped(text)).to.equal(text);
    const bytes = Buffer.from([255, 0, 1]);
    expect(withRecordedAt(madeEvent('seat-1/A', 0, { metadata: bytes }))).to.equal(bytes);
  });

  it('is read as of its time of before', () => {
    expect(recordedMs(JSON.parse(stamped('{}')))).to.equal(Date.parse('2026-05-01T13:20:00.000Z'));
    for (const none of [undefined, null, {}, { recordedAt: 7 }, { recordedAt: 'soon' }, 'x']) {
      expect(recordedMs(none)).to.equal(undefined);
    }
  });

  it('is none of those that tell of the log that was backed up', () => {
    expect(['restored-log', '$$restored-log', 'seat-1/A'].map(isOfOtherLog)).to.deep.equal([
      ...[true, true, false],
    ]);
  });
});

describe('a restored log', () => {
  const epoch = '0b0c6f0e-2f0f-4f0b-9d0c-0a8f0c9f5a01';
  const at = '2027-05-01T10:00:00.000Z';
  let revision = 0n;
  const event = (type: string, data: object, stream = 'restored-log'): RecordedEvent => ({
    ...{ id: 'e', stream, type, position: revision, createdMs: 0, metadata: { schemaVersion: 1 } },
    data: { epoch, at, ...data },
    revision: revision++,
  });
  const begun = () =>
    event('LogRestored', { archive: 'a', events: 3, lastEventId: 'l', lastCreatedAt: at });
  const finished = () => event('LogRestoreFinished', { events: 3 });
  const opened = (other = {}) => event('SaleOpened', { reason: 'r', ...other });
  const logOf = (...events: RecordedEvent[]): RestoredLog | undefined =>
    events.reduce<RestoredLog | undefined>(afterEvent, undefined);

  it('is closed until it is finished and opened', () => {
    expect(logOf(opened(), finished())).to.equal(undefined);
    expect(logOf(begun())).to.deep.include({ epoch, isFinished: false, isOpen: false });
    expect(logOf(begun(), opened())).to.deep.include({ isFinished: false, isOpen: false });
    expect(logOf(begun(), finished())).to.deep.include({ isFinished: true, isOpen: false });
    expect(logOf(begun(), finished(), opened())).to.deep.include({ isOpen: true });
    const reconciled = logOf(begun(), finished(), event('LogReconciled', { missing: 1 }));
    expect(reconciled).to.deep.include({ isReconciled: true, isOpen: false });
  });

  it('is not opened by what was said of another one, nor by what cannot be read', () => {
    const other = { epoch: '1b0c6f0e-2f0f-4f0b-9d0c-0a8f0c9f5a01' };
    expect(logOf(begun(), finished(), opened(other))).to.deep.include({ isOpen: false });
    expect(logOf(begun(), finished(), opened({ reason: 7 }))).to.deep.include({ isOpen: false });
    const elsewhere = event('SaleOpened', { reason: 'r' }, 'concert-1');
    expect(logOf(begun(), finished(), elsewhere)).to.deep.include({ isOpen: false });
  });
});
