import { expect } from 'chai';
import { queueLineStream, steeringStream } from '../../src/events/streams.ts';
import type { QueueMove } from '../../src/queue/queue-log.ts';
import { Findings } from '../../src/verify/finding.ts';
import { LogProof } from '../../src/verify/log-proof.ts';
import { type Faults, QueueHistory, saleHistory, startMs } from './support/queue-history.ts';

function found(log: QueueHistory): { codes: string[]; moves: number } {
  const findings = new Findings(100);
  const proof = new LogProof(findings);
  for (const event of log.events) proof.see(event);
  const { queueMoves } = proof.conclude(0, 0);
  return { codes: [...findings.counts.keys()], moves: queueMoves };
}
const codesOf = (log: QueueHistory): string[] => found(log).codes;

describe('the proof of the waiting queue', function () {
  this.timeout(60_000);

  const clean: Record<string, Faults> = {
    'nothing happened to it': {},
    'it was lost and rebuilt from the log': { lostAtMs: [40_000, 41_000, 100_000] },
    'it was lost, and rebuilt by a clock 20 s behind': { lostAtMs: [50_000], clockBackMs: 20_000 },
    'it lost who was inside, and did not know': { placesLostAtMs: [30_000, 60_000, 90_000] },
    'a part of its batches was lost': { batchesLost: 0.2 },
    'batches were lost, and it was rebuilt': { batchesLost: 0.05, lostAtMs: [60_000, 120_000] },
    'the limit was lowered and raised, and the line emptied, paused and drained': {
      steps: [
        [30_000, { admittedMax: 10 }],
        [50_000, { paused: true }],
        [60_000, { paused: false, draining: true }],
        [80_000, { admittedMax: 60, draining: false }],
        [100_000, { admittedMax: null }],
        [110_000, { admittedMax: 30, clearedRevision: 5 }],
      ],
    },
  };
  for (const [name, faults] of Object.entries(clean)) {
    it(`finds nothing in the log of a real queue when ${name}`, async () => {
      for (const seed of [1, 2]) {
        const { codes, moves } = found(await saleHistory(faults, 30, seed));
        expect(codes).to.deep.equal([]);
        expect(moves).to.be.above(700);
      }
    });
  }

  it('finds more inside than the limit in the same log, when the limit was lower', async () => {
    expect(codesOf(await saleHistory({}, 29))).to.deep.equal(['queue-over-limit']);
    const lowered = await saleHistory({ steps: [[20_000, { admittedMax: 30 }]] }, 30);
    for (const event of lowered.events) {
      if (event.type === 'QueueSteered') Object.assign(event.data, { admittedMax: 25 });
    }
    expect(codesOf(lowered)).to.deep.equal(['queue-over-limit']);
  });

  const two = (log: QueueHistory, room = ''): QueueHistory =>
    log
      .at(200, 'enrolled', 'a', 200_000, room)
      .at(200, 'admitted', 'a', 200_000, room)
      .at(210, 'enrolled', 'b', 210_000, room)
      .at(210, 'admitted', 'b', 210_000, room)
      .at(260, 'ended', 'a', 200_000, room)
      .at(270, 'ended', 'b', 210_000, room);

  it('finds one inside too many, in the room whose limit the log states', () => {
    expect(codesOf(two(new QueueHistory().steer(1, startMs)))).to.deep.equal(['queue-over-limit']);
    expect(codesOf(two(new QueueHistory().steer(1, startMs, 'gala'), 'gala'))).to.have.length(1);
    expect(codesOf(two(new QueueHistory().steer(1, startMs), 'gala')), 'another room').to.be.empty;
    expect(codesOf(two(new QueueHistory().steer(2, startMs)))).to.be.empty;
  });

  it('says nothing where the log does not state the limit, or it was just changed', () => {
    expect(codesOf(two(new QueueHistory()))).to.be.empty;
    expect(codesOf(two(new QueueHistory().steer(null, startMs)))).to.be.empty;
    const lowered = new QueueHistory().steer(2, startMs).steer(1, startMs + 170_000);
    expect(codesOf(two(lowered)), 'may not be known yet').to.be.empty;
    const longAgo = new QueueHistory().steer(2, startMs).steer(1, startMs + 140_000);
    expect(codesOf(two(longAgo))).to.deep.equal(['queue-over-limit']);
  });

  it('finds a user who is inside twice', () => {
    const begun = new QueueHistory()
      .at(0, 'enrolled', 'a', 0)
      .at(0, 'admitted', 'a', 0)
      .at(10, 'enrolled', 'a', 10_000)
      .at(20, 'admitted', 'a', 10_000);
    expect(codesOf(begun), 'the end of the first may be lost').to.be.empty;
    expect(codesOf(begun.at(60, 'ended', 'a', 0))).to.deep.equal(['queue-inside-twice']);
  });

  it('finds two users with one number', () => {
    const begun = new QueueHistory().at(0, 'enrolled', 'a', 0).at(0, 'enrolled', 'b', 0);
    expect(codesOf(begun), 'the first may be lost').to.be.empty;
    expect(codesOf(begun.at(9, 'admitted', 'a', 0))).to.deep.equal(['wrong-queue']);
  });

  const enrolled: QueueMove = ['enrolled', 'a', startMs * 1_000, startMs];
  const line = queueLineStream(startMs);
  const wrong: Record<string, [code: string, log: QueueHistory]> = {
    'a number from before the enrolment': [
      'wrong-queue',
      new QueueHistory().moves([['enrolled', 'a', startMs * 1_000 - 1, startMs]], startMs),
    ],
    'a move of a later hour': [
      'wrong-queue',
      new QueueHistory().moves([['left', 'a', 1, startMs + 7_200_000]], startMs),
    ],
    'a move of an earlier hour': [
      'wrong-queue',
      new QueueHistory().moves([['left', 'a', 1, startMs - 3_600_000]], startMs),
    ],
    'moves among the steps': [
      'wrong-queue',
      new QueueHistory().add(steeringStream, 'QueueMoved', { moves: [enrolled] }, startMs),
    ],
    'a step among the moves': [
      'wrong-queue',
      new QueueHistory().add(line, 'QueueSteered', {}, startMs),
    ],
    'a room that no stream can have': [
      'wrong-queue',
      new QueueHistory().add(`${line}-a.b`, 'QueueMoved', { moves: [enrolled] }, startMs),
    ],
    'a kind that the first version does not have': [
      'unreadable',
      new QueueHistory().add(
        line,
        'QueueMoved',
        { moves: [['away', 'a', 1, startMs]] },
        startMs,
        1,
      ),
    ],
    'a move of nobody': [
      'unreadable',
      new QueueHistory().moves([['enrolled', '', startMs * 1_000, startMs]], startMs),
    ],
    'a move of five parts': [
      'unreadable',
      new QueueHistory().add(line, 'QueueMoved', { moves: [[...enrolled, 1]] }, startMs),
    ],
    'a version of later': [
      'unreadable',
      new QueueHistory().add(line, 'QueueMoved', { moves: [enrolled] }, startMs, 3),
    ],
    'a step without a reason': [
      'unreadable',
      new QueueHistory().add(steeringStream, 'QueueSteered', { paused: true }, startMs),
    ],
  };
  for (const [name, [code, log]] of Object.entries(wrong)) {
    it(`finds ${name}`, () => {
      expect(codesOf(log)).to.deep.equal([code]);
    });
  }

  it('believes no clock of the store: it may be an hour ahead or behind', () => {
    for (const aheadMs of [3_600_000, -3_600_000]) {
      const log = two(new QueueHistory().steer(1, startMs + aheadMs));
      for (const event of log.events.slice(1))
        Object.assign(event, { createdMs: event.createdMs + aheadMs });
      expect(codesOf(log)).to.deep.equal([]);
    }
  });

  it('finds a gap in a stream, and takes one whose beginning was removed', () => {
    const log = new QueueHistory().at(0, 'enrolled', 'a', 0).at(1, 'enrolled', 'b', 1_000);
    log.at(2, 'enrolled', 'c', 2_000);
    log.events.shift();
    expect(codesOf(log)).to.be.empty;
    log.at(3, 'enrolled', 'd', 3_000).events.splice(1, 1);
    expect(codesOf(log)).to.deep.equal(['revision-gap']);
  });

  it('reads what the first versions wrote, and passes over another program’s events', () => {
    const at = new Date(startMs).toISOString();
    const step = { admittedMax: 3, perMinute: 60, paused: false, draining: false, cleared: true };
    const log = new QueueHistory()
      .add(line, 'QueueMoved', { moves: [enrolled] }, startMs, 1)
      .add(steeringStream, 'QueueSteered', { ...step, by: 'k', reason: 'r', at }, startMs, 1)
      .add('queue-of-jobs', 'JobQueued', {}, startMs, 0);
    expect(found(log)).to.deep.equal({ codes: [], moves: 1 });
  });
});
