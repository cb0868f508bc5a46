import { convertGrpcEvent } from '@eventstore/db-client/dist/utils/index.js';
import streamsPb, { type ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { expect } from 'chai';
import fc from 'fast-check';
import { toRecorded } from '../../src/infrastructure/eventstoredb/read.ts';
import { decodeReadMessage } from '../../src/infrastructure/eventstoredb/read-messages.ts';
import { recorded, response } from '../support/recorded-events.ts';

const decoded = (answer: ReadResp) => decodeReadMessage(Buffer.from(answer.serializeBinary()));

describe('messages of a subscription', () => {
  it('are the events that the client makes of the same bytes', () => {
    fc.assert(
      fc.property(recorded, (given) => {
        const answer = response(given);
        const { event } = convertGrpcEvent(answer.getEvent() as never);
        if (event === undefined) throw new Error('the client finds no event');
        const message = decoded(answer);
        expect(message).to.deep.equal({ kind: 'event', event: toRecorded(event) });
      }),
      { numRuns: 1_000 },
    );
  });

  it('are checkpoints, caught-up, the confirmation, and what needs no answer', () => {
    const checkpoint = new streamsPb.ReadResp.Checkpoint();
    checkpoint.setCommitPosition((2n ** 40n + 5n).toString());
    checkpoint.setPreparePosition('1');
    const of = (set: (answer: ReadResp) => void) => {
      const answer = new streamsPb.ReadResp();
      set(answer);
      return decoded(answer);
    };
    expect(of((answer) => answer.setCheckpoint(checkpoint))).to.deep.equal({
      kind: 'checkpoint',
      position: { commit: 2n ** 40n + 5n, prepare: 1n },
    });
    expect(of((answer) => answer.setCaughtUp(new streamsPb.ReadResp.CaughtUp()))).to.deep.equal({
      kind: 'caught-up',
    });
    expect(of((answer) => answer.setFellBehind(new streamsPb.ReadResp.FellBehind()))).to.deep.equal(
      {
        kind: 'other',
      },
    );
    const confirmation = new streamsPb.ReadResp.SubscriptionConfirmation();
    confirmation.setSubscriptionId('x');
    expect(of((answer) => answer.setConfirmation(confirmation))).to.deep.equal({
      kind: 'confirmed',
    });
    expect(of(() => {})).to.deep.equal({ kind: 'other' });
  });

  it('fail when the bytes are cut off', () => {
    fc.assert(
      fc.property(recorded, (given) => {
        const bytes = Buffer.from(response(given).serializeBinary());
        expect(() => decodeReadMessage(bytes.subarray(0, bytes.length >> 1))).to.throw();
      }),
    );
  });
});
