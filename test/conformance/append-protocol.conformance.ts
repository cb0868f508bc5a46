import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { BatchAppendReq } from '@eventstore/db-client/generated/streams_pb.js';
import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { expectNotFound, idsIn, unique } from './support/client.ts';
import { RawClient } from './support/raw.ts';
import { deadlineIn, proposed, RawBatch, withId } from './support/raw-batch.ts';
import { useSubject } from './support/suite.ts';

/** More appends than this server once took unfinished. */
const unfinished = 1_100;

describe('conformance: append, as the protocol has it', () => {
  const subject = useSubject();
  let raw: RawClient;
  let batch: RawBatch;

  before(() => {
    raw = new RawClient(subject.url);
  });

  beforeEach(() => {
    batch = new RawBatch(raw);
  });

  afterEach(() => batch.cancel());

  after(() => raw.close());

  /** One append in one message, after which the call still takes others. */
  async function answerTo(chunk: Partial<Parameters<RawBatch['send']>[0]>): Promise<string> {
    const correlationId = randomUUID();
    const events = [proposed()];
    batch.send({ correlationId, stream: unique('one'), events, isFinal: true, ...chunk });
    return batch.answer(chunk.correlationId ?? correlationId);
  }

  it('83 a malformed append is refused alone, and the call goes on', async () => {
    const id = '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d';
    const malformed: Record<string, (event: BatchAppendReq.ProposedMessage) => void> = {
      'an id that is no UUID': withId('not-a-uuid'),
      'no id': (event) => event.clearId(),
      'no type': (event) => event.getMetadataMap().del('type'),
      'no content type': (event) => event.getMetadataMap().del('content-type'),
    };
    for (const [what, change] of Object.entries(malformed)) {
      const stream = unique('malformed');
      const events = [proposed(withId(id)), proposed(change)];
      expect(await answerTo({ stream, events }), what).to.equal('BadRequest');
      await expectNotFound(subject.client, stream);
    }
    const noExpectation = { options: (options: BatchAppendReq.Options) => options.clearAny() };
    expect(await answerTo(noExpectation)).to.equal('BadRequest');
    expect(await answerTo({ options: (options) => options.clearStreamIdentifier() })).to.equal(
      'BadRequest',
    );
    expect(await answerTo({})).to.equal('written 0');
    expect(batch.status).to.equal(undefined);
  });

  it('84 appends that are under way beside a malformed one are all answered', async () => {
    const good = Array.from({ length: 50 }, () => ({ id: randomUUID(), stream: unique('beside') }));
    for (const [index, { id, stream }] of good.entries()) {
      const one = { correlationId: id, stream, isFinal: true };
      batch.send({ ...one, events: [proposed()] });
      if (index !== 25) continue;
      const bad = { ...one, correlationId: randomUUID(), stream: unique('bad') };
      batch.send({ ...bad, events: [proposed(withId('no'))] });
    }
    for (const { id } of good) expect(await batch.answer(id)).to.equal('written 0');
    expect(batch.answers).to.have.length(51);
  });

  it('85 appends in several messages wait for each other: 1,100 unfinished at a time', async () => {
    const stream = unique('unfinished');
    const appends = Array.from({ length: unfinished }, () => randomUUID());
    // Within the time that a write may take.
    for (const correlationId of appends)
      batch.send({ correlationId, stream, events: [proposed()], isFinal: false });
    for (const correlationId of appends)
      batch.send({ correlationId, events: [proposed()], isFinal: true });
    await eventually('all answers', () => batch.answers.length >= unfinished);
    const refused = batch.answers.filter((answer) => !answer.hasSuccess());
    expect([batch.answers.length, refused.length]).to.deep.equal([unfinished, 0]);
    expect(await idsIn(subject.client, stream)).to.have.length(2 * unfinished);
  });

  it('86 too large before its last message: answered at once, and what still comes is let go', async () => {
    const correlationId = randomUUID();
    const stream = unique('too-large');
    const large = () =>
      proposed((event) => event.setData(Buffer.alloc(700_000, 32).toString('base64')));
    batch.send({ correlationId, stream, events: [large()], isFinal: false });
    batch.send({ correlationId, events: [large()], isFinal: false });
    expect(await batch.answer(correlationId)).to.equal('MaximumAppendSizeExceeded');
    batch.send({ correlationId, events: [proposed()], isFinal: true });
    expect(await answerTo({})).to.equal('written 0');
    expect(batch.answersTo(correlationId)).to.have.length(1);
    await expectNotFound(subject.client, stream);
  });

  it('87 a deadline as a Duration counts from now; one that is over is Timeout', async () => {
    expect(await answerTo({ moreOptions: deadlineIn(5) })).to.equal('written 0');
    for (const seconds of [0, -1]) {
      const over = await answerTo({ moreOptions: deadlineIn(seconds) });
      expect(over, `${seconds} s`).to.equal('Timeout');
    }
    const correlationId = randomUUID();
    const stream = unique('late');
    const late = { correlationId, events: [proposed()] };
    batch.send({ ...late, stream, isFinal: false, moreOptions: deadlineIn(1) });
    expect(await batch.answer(correlationId), 'its last message never came').to.equal('Timeout');
    batch.send({ ...late, isFinal: true });
    await delay(100);
    expect(batch.answersTo(correlationId)).to.have.length(1);
    await expectNotFound(subject.client, stream);
  });
});
