import { expect } from 'chai';
import {
  type DrawLot,
  type SteerQueue,
  steeringDecider,
  steeringOf,
} from '../../src/commands/steering/decider.ts';

const step = (change: SteerQueue['change'], clear = false, room = ''): SteerQueue => ({
  type: 'SteerQueue',
  ...{ room, change, clear },
  by: 'kim',
  reason: 'why',
  at: '2027-05-01T10:00:00.000Z',
});

/** A log of steps, and what was decided last. */
function steered() {
  const steering = {
    state: steeringDecider.initial,
    run(command: SteerQueue | DrawLot) {
      const decision = steeringDecider.decide(command, steering.state);
      if (!decision.ok) throw new Error(decision.refusal.detail);
      for (const event of decision.events) {
        steering.state = steeringDecider.evolve(steering.state, event);
      }
      return decision.events.map(({ data }) => data);
    },
    of: (room: string) => steeringOf(steering.state, room),
  };
  return steering;
}

describe('steering of the queue', () => {
  it('says all that is so after a step, and changes what the step names', () => {
    const { run, of } = steered();
    const [first] = run(step({ admittedMax: 100 }));
    expect(first).to.deep.include({ admittedMax: 100, perMinute: null, paused: false, by: 'kim' });
    expect(first).not.to.have.property('room');
    expect(run(step({ admittedMax: 100 })), 'so already').to.deep.equal([]);
    run(step({ paused: true }));
    const [cleared] = run(step({}, true));
    expect(cleared).to.deep.include({ admittedMax: 100, paused: true, cleared: true });
    run(step({ paused: false }));
    expect(of('')).to.deep.equal({
      ...{ revision: 3, admittedMax: 100, perMinute: null },
      ...{ paused: false, draining: false, lot: null, clearedRevision: 2 },
    });
  });

  it('is of one room: the others, and the line of the shop, stay as they are', () => {
    const { run, of } = steered();
    run(step({ admittedMax: 100 }));
    const [inRoom] = run(step({ paused: true }, true, 'gala'));
    expect(inRoom).to.deep.include({ room: 'gala', admittedMax: null, paused: true });
    run(step({ admittedMax: 5 }, false, 'tour'));
    expect(of('')).to.deep.include({ revision: 0, admittedMax: 100, clearedRevision: -1 });
    expect(of('gala')).to.deep.include({ revision: 1, paused: true, clearedRevision: 1 });
    expect(of('tour')).to.deep.include({ revision: 2, admittedMax: 5, paused: false });
    expect(of('nobody-steered')).to.deep.include({ revision: -1, admittedMax: null });
  });
});

describe('the lot of a room', () => {
  const lot = { from: '2027-05-01T10:30:00.000Z', opensAt: '2027-05-01T11:00:00.000Z' };
  const draw = (digit: string, opensAt = lot.opensAt): DrawLot => ({
    type: 'DrawLot',
    ...{ room: 'gala', opensAt, seed: digit.repeat(64), at: '2027-05-01T11:00:00.120Z' },
  });

  it('is drawn once: the first seed stays, and later steps of the room keep it', () => {
    const { run, of } = steered();
    expect(run(draw('a')), 'there is no lot').to.deep.equal([]);
    run(step({ lot }, false, 'gala'));
    expect(run(draw('a', lot.from)), 'of another lot').to.deep.equal([]);
    const early = { ...draw('a'), at: '2027-05-01T10:59:01.999Z' };
    expect(run(early), 'people may enrol who choose their ids').to.deep.equal([]);
    expect(run(draw('a'))[0]).to.deep.include({ ...lot, room: 'gala', seed: 'a'.repeat(64) });
    expect(run(draw('b')), 'drawn already').to.deep.equal([]);
    expect(run(step({ lot }, false, 'gala')), 'so already').to.deep.equal([]);
    run(step({ paused: true }, false, 'gala'));
    expect(of('gala')).to.deep.include({
      revision: 2,
      lot: { ...lot, seed: 'a'.repeat(64), drawnAt: '2027-05-01T11:00:00.120Z' },
    });
    run(step({ lot: { ...lot, opensAt: '2027-05-01T12:00:00.000Z' } }, false, 'gala'));
    expect(of('gala').lot?.seed, 'another lot').to.equal(null);
    run(step({ lot: null }, false, 'gala'));
    expect(of('gala').lot).to.equal(null);
  });
});
