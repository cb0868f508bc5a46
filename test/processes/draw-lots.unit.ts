import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import { steeringDecider, steeringOf } from '../../src/commands/steering/decider.ts';
import { decode } from '../../src/events/codec.ts';
import { steeringStream } from '../../src/events/streams.ts';
import { DrawLots } from '../../src/processes/draw-lots.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';

describe('drawing lots', () => {
  const lot = { from: '2027-05-01T10:30:00.000Z', opensAt: '2027-05-01T11:00:00.000Z' };
  /** Two seconds after the last one who takes part has enrolled. */
  const dueMs = Date.parse('2027-05-01T10:59:02.000Z');

  const begin = async () => {
    const store = new MemoryEventStore();
    const handler = new CommandHandler(store, steeringDecider);
    const step = { by: 'kim', reason: 'a sale', at: '2027-05-01T10:00:00.000Z', clear: false };
    for (const room of ['gala', 'tour']) {
      const command = { type: 'SteerQueue', room, change: { lot }, ...step } as const;
      await handler.execute(steeringStream, command, { commandId: randomUUID() });
    }
    const known = async () => new CommandHandler(store, steeringDecider).state(steeringStream);
    const drawn = () =>
      store.log
        .map((recorded) => decode(recorded))
        .flatMap((event) => (event.type === 'QueueDrawn' ? [event.data] : []));
    return { store, known, drawn };
  };

  it('waits for the last one who takes part, then draws each room once', async () => {
    const { store, known, drawn } = await begin();
    const early = new DrawLots(store, () => dueMs - 1);
    expect(await early.draw(await known())).to.equal(false);
    const due = new DrawLots(store, () => dueMs);
    expect(await due.draw(await known())).to.equal(true);
    expect(await due.draw(await known()), 'drawn already').to.equal(false);
    expect(drawn().map(({ room }) => room)).to.deep.equal(['gala', 'tour']);
    const [gala, tour] = drawn();
    expect(gala).to.deep.include({ ...lot, at: '2027-05-01T10:59:02.000Z' });
    expect(gala?.seed).to.not.equal(tour?.seed);
  });

  it('is agreed on by instances that draw at the same moment, and one that comes late', async () => {
    const { store, known, drawn } = await begin();
    const before = await known();
    const instances = Array.from({ length: 4 }, () => new DrawLots(store, () => dueMs));
    await Promise.all(instances.map((instance) => instance.draw(before)));
    await new DrawLots(store, () => dueMs + 60_000).draw(before);
    expect(drawn().map(({ room }) => room)).to.deep.equal(['gala', 'tour']);
    const seeds = drawn().map(({ seed }) => seed);
    const now = await known();
    expect(['gala', 'tour'].map((room) => steeringOf(now, room).lot?.seed)).to.deep.equal(seeds);
  });
});
