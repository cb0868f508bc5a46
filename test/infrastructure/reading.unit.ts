import { expect } from 'chai';
import fc from 'fast-check';
import {
  EventStoreRefused,
  LogDiffers,
  type LogMessage,
  placeOf,
} from '../../src/commands/core/event-store.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { eventAt, type LogPosition, rightBefore } from '../../src/events/log-position.ts';
import { Reading } from '../../src/infrastructure/eventstoredb/reading.ts';

const event = (position: bigint, id = `id-${position}`, type = 'SeatSold'): RecordedEvent => ({
  id,
  stream: 'seat-s/A-1-1',
  revision: 0n,
  position,
  type,
  createdMs: 0,
  data: {},
  metadata: {},
});
const told = (position: bigint, id?: string): LogMessage => ({
  kind: 'event',
  event: event(position, id),
});
const checkpoint = (position: LogPosition): LogMessage => ({ kind: 'checkpoint', position });
const caughtUp: LogMessage = { kind: 'caught-up' };
const nothing = () => {};

describe('what may come next in the log', () => {
  /** Which of the messages are delivered, by their numbers; what is thrown ends it. */
  const delivered = (reading: Reading, messages: readonly LogMessage[]) =>
    messages.flatMap((message, at) => (reading.take(message) ? [at] : []));

  it('is not a checkpoint that no log can have: left out, and told', () => {
    const odd: string[] = [];
    const reading = new Reading(null, (what) => odd.push(what));
    const impossible = [
      eventAt(2n ** 64n - 1n),
      eventAt(2n ** 63n - 1n),
      { commit: 5n, prepare: 6n },
    ];
    for (const position of impossible) {
      expect(reading.take(checkpoint(position))).to.equal(false);
    }
    expect(odd).to.have.length(3);
    expect(odd[0]).to.contain('18446744073709551615');
    expect(delivered(reading, [told(1n), told(2n)])).to.deep.equal([0, 1]);
  });

  it('is an event right at a checkpoint that was told before it', () => {
    const reading = new Reading(null, nothing);
    const messages = [checkpoint(rightBefore(7n)), told(7n), checkpoint(eventAt(7n)), told(9n)];
    expect(delivered(reading, messages)).to.deep.equal([0, 1, 3]);
  });

  it('is each event once, however often and late it comes again', () => {
    const reading = new Reading(null, nothing);
    const messages = [1n, 2n, 3n, 3n, 4n, 3n, 4n, 5n, 2n].map((position) => told(position));
    expect(delivered(reading, messages)).to.deep.equal([0, 1, 2, 4, 7]);
    expect(reading.begin()).to.deep.equal(rightBefore(5n));
  });

  it('is not a second event at one place', () => {
    const reading = new Reading(null, nothing);
    reading.take(told(4n));
    expect(() => reading.take(told(4n, 'another'))).to.throw(
      LogDiffers,
      'event another at position 4',
    );
  });

  it('is not an event that was passed over: somebody hears of it', () => {
    const reading = new Reading(null, nothing);
    reading.take(told(4n));
    reading.take(checkpoint(eventAt(9n)));
    expect(() => reading.take(told(9n))).to.throw(LogDiffers, 'passed over');
    const afresh = new Reading({ position: eventAt(9n) }, nothing);
    expect(afresh.begin()).to.equal(null);
    expect(() => afresh.take(told(8n))).to.throw(LogDiffers, 'passed over');
  });

  it('is not an event at a place that no log can have', () => {
    const reading = new Reading(null, nothing);
    expect(() => reading.take(told(2n ** 63n - 1n))).to.throw(EventStoreRefused);
  });

  it('is the last event first, when a call begins: else the log is another one', () => {
    const same = new Reading(placeOf({ position: 4n, id: 'id-4' }), nothing);
    expect(same.begin()).to.deep.equal(rightBefore(4n));
    expect(delivered(same, [checkpoint(rightBefore(4n)), told(4n), told(6n)])).to.deep.equal([2]);
    for (const [what, message] of [
      ['event other', told(4n, 'other')],
      ['event id-5', told(5n)],
      ['read past it', checkpoint(eventAt(4n))],
      ['ends before', caughtUp],
    ] as const) {
      const reading = new Reading(placeOf({ position: 4n, id: 'id-4' }), nothing);
      reading.begin();
      expect(() => reading.take(message), what).to.throw(LogDiffers, what);
    }
  });

  it('is known by its place where its id is not, and by its id from then on', () => {
    const reading = new Reading(placeOf({ position: 4n, id: null }), nothing);
    reading.begin();
    expect(reading.take(told(4n, 'one'))).to.equal(false);
    reading.begin();
    expect(() => reading.take(told(4n, 'other'))).to.throw(LogDiffers);
  });

  it('may be a tombstone that readers took for a stretch', () => {
    const reading = new Reading(
      { position: eventAt(9n), event: { position: 4n, id: 'id-4' } },
      nothing,
    );
    reading.begin();
    reading.take(told(4n));
    const tombstone = event(9n, 'id-9', '$streamDeleted');
    expect(reading.take({ kind: 'event', event: tombstone })).to.equal(false);
    expect(reading.take(told(10n))).to.equal(true);
  });

  /**
   * A server that has events at 1 … and sends what real ones do, at random: checkpoints of both
   * manners, events again, calls that end anywhere and go on from where they are asked to.
   */
  it('is every event once, in order, whatever a server with the right log does', () => {
    const steps = fc.array(
      fc.constantFrom('next', 'next', 'again', 'before', 'at', 'beyond', 'cut', 'caught-up'),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 3 }), (sequence, back) => {
        const reading = new Reading(null, nothing);
        const got: bigint[] = [];
        /** The last event that this call has sent; the log goes as far as it is asked. */
        let sent = 0n;
        const send = (message: LogMessage) => {
          if (reading.take(message) && message.kind === 'event') got.push(message.event.position);
        };
        const next = () => {
          sent += 1n;
          send(told(sent));
        };
        const begin = () => {
          const from = reading.begin();
          sent = from === null ? 0n : from.commit - 1n;
          if (from !== null) next();
        };
        begin();
        for (const step of sequence) {
          if (step === 'next') next();
          if (step === 'again' && sent > 0n) {
            const old = sent - BigInt(back);
            if (old > 0n) send(told(old));
          }
          if (step === 'before') send(checkpoint(rightBefore(sent + 1n)));
          if (step === 'at') send(checkpoint(eventAt(sent)));
          if (step === 'beyond') send(checkpoint(eventAt(2n ** 64n - 1n)));
          if (step === 'caught-up') send(caughtUp);
          if (step === 'cut') begin();
        }
        expect(got).to.deep.equal(got.map((_, at) => BigInt(at + 1)));
        expect(got.at(-1) ?? 0n).to.equal(sent);
      }),
      { numRuns: 5_000 },
    );
  });
});
