import { AssertionError } from 'node:assert';
import { expect } from 'chai';
import { eventAt } from '../../src/events/log-position.ts';
import { Backlog, OutOfOrder } from '../../src/projections/engine/backlog.ts';
import type { Checkpoint } from '../../src/projections/engine/checkpoint.ts';
import { Mode } from '../../src/projections/engine/mode.ts';
import { assertLimits, projectorDefaults } from '../../src/projections/engine/options.ts';
import { Progress } from '../../src/projections/engine/progress.ts';
import { BatchSize } from '../../src/projections/engine/refused-rows.ts';
import { Wake } from '../../src/projections/engine/wake.ts';
import type { Step } from '../../src/projections/log-step.ts';
import { ParkedStreams } from '../../src/projections/parking/parked-streams.ts';

const step = (position: bigint): Step => ({
  position: eventAt(position),
  createdMs: 0,
  changes: [],
  isEvent: true,
});

const checkpoint = (position: bigint): Checkpoint => ({
  position: eventAt(position),
  eventPosition: position,
  eventId: null,
});

const backlogOf = (...positions: bigint[]): Backlog => {
  const backlog = new Backlog({ stepsMax: 3, rowsMax: 10 });
  for (const position of positions) backlog.push(step(position));
  return backlog;
};

describe('the engine asserts that', () => {
  describe('positions grow', () => {
    it('in the backlog, also after steps are taken out', () => {
      const backlog = backlogOf(1n, 2n);
      expect(() => backlog.push(step(2n))).to.throw(OutOfOrder);
      backlog.takeThrough(eventAt(2n));
      expect(() => backlog.push(step(1n))).to.throw(OutOfOrder);
      backlog.push(step(3n));
      expect(backlog.size).to.equal(1);
    });

    it('in what is shown: no step is shown a second time', () => {
      const told: bigint[] = [];
      const logger = { warn() {}, error() {} };
      const backlog = backlogOf();
      const progress = new Progress({ mode: new Mode(), backlog, logger, now: Date.now });
      progress.listen({
        committed: (steps) => told.push(...steps.map(({ position }) => position.commit)),
        reset() {},
      });
      progress.startAt(checkpoint(1n));
      backlog.startAfter(eventAt(1n));
      backlog.push(step(2n));
      progress.advanceTo(checkpoint(2n));
      // An older answer that comes late changes nothing.
      progress.advanceTo(checkpoint(1n));
      expect([told, progress.shown]).to.deep.equal([[2n], eventAt(2n)]);
      backlog.startAfter(eventAt(1n));
      backlog.push(step(2n));
      expect(() => progress.advanceTo(checkpoint(2n))).to.throw(AssertionError, 'second time');
      expect(told).to.deep.equal([2n]);
    });
  });

  it('nothing is shown before it is known where the tables are', () => {
    const logger = { warn() {}, error() {} };
    const parts = { mode: new Mode(), backlog: backlogOf(), logger, now: Date.now };
    expect(() => new Progress(parts).advanceTo(checkpoint(1n))).to.throw(AssertionError);
  });

  it('one reader waits for room', async () => {
    const backlog = backlogOf(1n, 2n, 3n);
    const room = backlog.whenRoom();
    expect(() => backlog.whenRoom()).to.throw(AssertionError, 'two readers');
    backlog.takeThrough(eventAt(1n));
    await room;
    await backlog.whenRoom();
  });

  it('a batch may have a step', () => {
    const backlog = backlogOf(1n);
    expect(() => backlog.first(0, 1)).to.throw(AssertionError);
    expect(() => backlog.first(1, 0)).to.throw(AssertionError);
    expect(backlog.first(1, 1)).to.have.length(1);
  });

  it('one step alone is not halved', () => {
    const size = new BatchSize(8);
    expect(() => size.refused(1)).to.throw(AssertionError);
    size.refused(3);
    expect([size.max, size.isReduced]).to.deep.equal([2, true]);
    for (const _ of [4, 8]) size.written();
    expect([size.max, size.isReduced]).to.deep.equal([8, false]);
  });

  it('one wait at a time is ended by a call', async () => {
    const wake = new Wake();
    const waiting = wake.wait(60_000);
    const second = await wake.wait(1).catch((error: unknown) => error);
    expect(second).to.be.instanceOf(AssertionError);
    wake.call();
    await waiting;
  });

  it('a parked stream has events', () => {
    const parked = new ParkedStreams();
    const none = { stream: 'seat-s/1', position: 1n, events: 0 };
    expect(() => parked.add([none])).to.throw(AssertionError, 'without an event');
  });

  it('its limits fit one another', () => {
    assertLimits(projectorDefaults);
    const wrong = [
      { batchEventsMax: 0 },
      { batchEventsMax: projectorDefaults.backlogEventsMax + 1 },
      { batchRowsMax: projectorDefaults.backlogRowsMax + 1 },
      { flushMsMin: projectorDefaults.idleCheckpointMs + 1 },
      { parkedEventsMax: -1 },
    ];
    for (const one of wrong) {
      const limits = { ...projectorDefaults, ...one };
      expect(() => assertLimits(limits), JSON.stringify(one)).to.throw(AssertionError);
    }
  });
});
