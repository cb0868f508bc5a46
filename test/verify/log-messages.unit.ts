import { convertGrpcEvent } from '@eventstore/db-client/dist/utils/index.js';
import streamsPb, { type ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { expect } from 'chai';
import fc from 'fast-check';
import { decodeLogEvent } from '../../src/verify/log-messages.ts';
import { toLogEvent } from '../../src/verify/log-source.ts';
import { recorded, response } from '../support/recorded-events.ts';

const decoded = (answer: ReadResp) => decodeLogEvent(Buffer.from(answer.serializeBinary()));

describe('messages of the log that is verified', () => {
  it('are the events that the client makes of the same bytes', () => {
    fc.assert(
      fc.property(recorded, (given) => {
        const answer = response(given);
        const { event } = convertGrpcEvent(answer.getEvent() as never);
        if (event === undefined) throw new Error('the client finds no event');
        expect(decoded(answer)).to.deep.equal(toLogEvent(event));
      }),
      { numRuns: 1_000 },
    );
  });

  it('may have no event', () => {
    const answer = new streamsPb.ReadResp();
    expect(decoded(answer)).to.equal(undefined);
    answer.setEvent(new streamsPb.ReadResp.ReadEvent());
    expect(decoded(answer)).to.equal(undefined);
    answer.setCaughtUp(new streamsPb.ReadResp.CaughtUp());
    expect(decoded(answer)).to.equal(undefined);
  });

  it('fail when the bytes are cut off', () => {
    fc.assert(
      fc.property(recorded, (given) => {
        const bytes = Buffer.from(response(given).serializeBinary());
        expect(() => decodeLogEvent(bytes.subarray(0, bytes.length >> 1))).to.throw();
      }),
    );
  });
});
