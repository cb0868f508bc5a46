import { expect } from 'chai';
import { consequenceOf } from '../../src/commands/skipping/consequences.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { eventSchemas } from '../../src/events/events.ts';

describe('what it means to skip an event', () => {
  const consequence = (type: string, schemaVersion: unknown = 1) =>
    consequenceOf({ type, metadata: { schemaVersion } } as RecordedEvent);

  it('is said of each type that a stream has, and of those that are not known', () => {
    const silent = ['EventSkipped', 'SkipAnnounced'];
    const unknown = consequence('Foreign').words;
    for (const type of Object.keys(eventSchemas)) {
      if (silent.includes(type)) continue;
      expect(consequence(type).words, type).not.to.equal(unknown);
    }
    expect(consequence('Foreign').mayLose).to.equal(true);
    expect(consequence('toString').mayLose).to.equal(true);
  });

  it('may lose nothing of anybody’s where it is about nobody, or the service does it again', () => {
    const safe = Object.keys(eventSchemas).filter((type) => !consequence(type).mayLose);
    expect(safe).to.have.members([
      ...['ConcertRegistered', 'ConcertRevised', 'SessionRescheduled'],
      ...['AccountSummarised', 'AccountIndexed', 'AccountTotalled', 'QueueSteered', 'QueueMoved'],
      'QueueDrawn',
      ...['PaymentCaptured', 'PaymentReleased', 'PaymentRefunded', 'OrderSettled'],
    ]);
  });

  it('may lose what a newer version says, whatever it is about', () => {
    const { mayLose, words } = consequence('ConcertRevised', 3);
    expect(mayLose).to.equal(true);
    expect(words).to.contain('a newer version of the service wrote it');
    expect(consequence('AccountSummarised', 2).mayLose).to.equal(false);
    expect(consequence('AccountSummarised', 3).mayLose).to.equal(true);
  });
});
