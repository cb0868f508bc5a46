import { expect } from 'chai';
import { type EventType, eventSchemas } from '../../src/events/events.ts';
import { streamPrefixes } from '../../src/events/streams.ts';
import { versionOf } from '../../src/events/upcasters.ts';
import { checkEnvelope, isOfService, type LogEvent } from '../../src/verify/finding.ts';

describe('the proof', () => {
  const [stream] = streamPrefixes;
  const written = (type: EventType): LogEvent => ({
    ...{ id: 'i', stream: `${stream}1`, revision: 0n, position: 0n, createdMs: 0, data: {}, type },
    version: versionOf(type),
  });

  it('understands the version in which the service writes each event that it reads', () => {
    const types = Object.keys(eventSchemas) as EventType[];
    const read = types.map(written).filter(isOfService);
    expect(read.length).to.be.greaterThan(20);
    for (const event of read) expect(() => checkEnvelope(event), event.type).not.to.throw();
  });
});
