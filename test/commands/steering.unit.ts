import { expect } from 'chai';
import { type SteerQueue, steeringDecider } from '../../src/commands/steering/decider.ts';

const step = (change: SteerQueue['change'], clear = false): SteerQueue => ({
  type: 'SteerQueue',
  change,
  clear,
  by: 'kim',
  reason: 'why',
  at: '2027-05-01T10:00:00.000Z',
});

describe('steering of the queue', () => {
  it('says all that is so after a step, and changes what the step names', () => {
    let state = steeringDecider.initial;
    const run = (command: SteerQueue) => {
      const decision = steeringDecider.decide(command, state);
      if (!decision.ok) throw new Error(decision.refusal.detail);
      for (const event of decision.events) state = steeringDecider.evolve(state, event);
      return decision.events.map(({ data }) => data);
    };
    const [first] = run(step({ admittedMax: 100 }));
    expect(first).to.deep.include({ admittedMax: 100, perMinute: null, paused: false, by: 'kim' });
    expect(run(step({ admittedMax: 100 })), 'so already').to.deep.equal([]);
    run(step({ paused: true }));
    const [cleared] = run(step({}, true));
    expect(cleared).to.deep.include({ admittedMax: 100, paused: true, cleared: true });
    run(step({ paused: false }));
    expect(state).to.deep.equal({
      ...{ revision: 3, admittedMax: 100, perMinute: null },
      ...{ paused: false, draining: false, clearedRevision: 2 },
    });
  });
});
