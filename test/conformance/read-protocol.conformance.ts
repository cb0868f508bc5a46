import { setTimeout as delay } from 'node:timers/promises';
import sharedPb from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb, { type ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { collect, events, idsOf, readEvents, recorded, unique } from './support/client.ts';
import {
  type RawCall,
  RawClient,
  readAllRequest,
  readStreamRequest,
  uuidText,
} from './support/raw.ts';
import { useSubject } from './support/suite.ts';

const { Options } = streamsPb.ReadReq;
const empty = new sharedPb.Empty();
/** Milliseconds in which a server that answers has answered, on however busy a machine. */
const silenceMs = 1_000;

describe('conformance: read, as the protocol has it', () => {
  const subject = useSubject();
  let raw: RawClient;

  before(() => {
    raw = new RawClient(subject.url);
  });

  after(() => raw.close());

  const count = (options: ReadReq.Options, number = 10) => options.setCount(String(number));
  const tellPositions = (options: ReadReq.Options) => {
    const control = new Options.ControlOption();
    control.setCompatibility(1);
    options.setControlOption(control);
  };

  async function stepsOf(call: RawCall): Promise<string[]> {
    const { code, details } = await call.ended();
    expect(code, details).to.equal(status.OK);
    return call.steps;
  }

  it('76 impossible combinations are INVALID_ARGUMENT', async () => {
    const stream = unique('combinations');
    await subject.client.appendToStream(stream, events(1));
    const filter = (options: ReadReq.Options) => {
      const names = new Options.FilterOptions.Expression();
      names.setPrefixList(['x']);
      const made = new Options.FilterOptions();
      made.setStreamIdentifier(names);
      made.setCount(empty);
      made.setCheckpointintervalmultiplier(1);
      options.setFilter(made);
    };
    const subscribe = (options: ReadReq.Options) =>
      options.setSubscription(new Options.SubscriptionOptions());
    const impossible: Record<string, ReadReq> = {
      'no stream and not $all': readAllRequest('start', (options) => {
        count(options);
        options.clearAll();
      }),
      'neither a count nor a subscription': readStreamRequest(stream, () => {}),
      'neither a filter nor none': readAllRequest('start', (options) => {
        count(options);
        options.clearNoFilter();
      }),
      'a filter for a stream': readStreamRequest(stream, (options) => {
        count(options);
        filter(options);
      }),
      'a filter for a subscription to a stream': readStreamRequest(stream, (options) => {
        subscribe(options);
        filter(options);
      }),
      'a subscription backwards': readStreamRequest(stream, (options) => {
        subscribe(options);
        options.setReadDirection(Options.ReadDirection.BACKWARDS);
      }),
      'a subscription to $all backwards': readAllRequest('start', (options) => {
        subscribe(options);
        options.setReadDirection(Options.ReadDirection.BACKWARDS);
      }),
      'no form of ids': readStreamRequest(stream, (options) => {
        count(options);
        options.clearUuidOption();
      }),
      'a filter without a window': readAllRequest('start', (options) => {
        count(options);
        filter(options);
        options.getFilter()?.clearCount();
      }),
      'a filter for nothing': readAllRequest('start', (options) => {
        count(options);
        filter(options);
        options.getFilter()?.clearStreamIdentifier();
      }),
    };
    for (const [what, request] of Object.entries(impossible)) {
      const { code, details } = await raw.read(request).ended();
      expect(status[code], `${what}: ${details}`).to.equal('INVALID_ARGUMENT');
    }
  });

  it('77 what no handler can begin with is UNKNOWN', async () => {
    const stream = unique('no-beginning');
    const place = { commit: 5n, prepare: 7n };
    const broken: Record<string, ReadReq> = {
      'no revision': readStreamRequest(stream, (options) => {
        count(options);
        options.getStream()?.clearStart();
      }),
      'no position': readAllRequest('start', (options) => {
        count(options);
        options.getAll()?.clearStart();
      }),
      'a prepare position after the commit position': readAllRequest(place, (options) =>
        count(options),
      ),
    };
    // Before 24.10 a read that does not say where it begins is answered.
    const isOlder = (await raw.release()) < 241_000;
    for (const [what, request] of Object.entries(broken)) {
      const { code, details } = await raw.read(request).ended();
      const expected = isOlder && what.startsWith('no ') ? 'OK' : 'UNKNOWN';
      expect(status[code], `${what}: ${details}`).to.equal(expected);
    }
  });

  it('78 maxCount 0: a stream is UNKNOWN, $all goes on until it is cancelled', async () => {
    const stream = unique('nothing');
    await subject.client.appendToStream(stream, events(1));
    const ofStream = raw.read(readStreamRequest(stream, (options) => count(options, 0)));
    expect(status[(await ofStream.ended()).code]).to.equal('UNKNOWN');
    const ofAll = raw.read(readAllRequest('start', (options) => count(options, 0)));
    await delay(silenceMs);
    expect([ofAll.steps, ofAll.status]).to.deep.equal([[], undefined]);
    ofAll.cancel();
    expect((await ofAll.ended()).code).to.equal(status.CANCELLED);
  });

  it('79 forwards from the end: a stream is UNKNOWN, $all is empty', async () => {
    const stream = unique('end');
    await subject.client.appendToStream(stream, events(1));
    const ofStream = readStreamRequest(stream, (options) => {
      count(options);
      options.getStream()?.setEnd(empty);
    });
    expect(status[(await raw.read(ofStream).ended()).code]).to.equal('UNKNOWN');
    expect(
      await stepsOf(raw.read(readAllRequest('end', (options) => count(options)))),
    ).to.deep.equal([]);
  });

  it('80 a place where no event begins is refused, in a read and in a subscription', async () => {
    const stream = unique('between');
    await subject.client.appendToStream(stream, events(3));
    const [first] = await readEvents(subject.client, stream);
    const between = { commit: (first?.position?.commit ?? 0n) + 1n, prepare: 0n };
    for (const direction of [Options.ReadDirection.FORWARDS, Options.ReadDirection.BACKWARDS]) {
      const request = readAllRequest({ ...between, prepare: between.commit }, (options) => {
        count(options);
        options.setReadDirection(direction);
      });
      expect(status[(await raw.read(request).ended()).code]).to.equal('UNKNOWN');
    }
    const subscription = raw.read(
      readAllRequest(between, (options) =>
        options.setSubscription(new Options.SubscriptionOptions()),
      ),
    );
    expect(status[(await subscription.ended()).code]).to.equal('INVALID_ARGUMENT');
    expect(subscription.steps).to.deep.equal(['confirmation']);
  });

  it('81 who asks gets the last position of a stream, and the first where it was looked for before', async () => {
    const { client } = subject;
    const stream = unique('positions');
    await client.appendToStream(stream, events(10));
    const read = async (
      from: number,
      amount: number,
      change?: (options: ReadReq.Options) => void,
    ) => {
      const call = raw.read(
        readStreamRequest(stream, (options) => {
          count(options, amount);
          tellPositions(options);
          options.getStream()?.setRevision(String(from));
          change?.(options);
        }),
      );
      await stepsOf(call);
      return call.messages.map((message) => {
        if (message.hasFirstStreamPosition()) return `first ${message.getFirstStreamPosition()}`;
        if (message.hasLastStreamPosition()) return `last ${message.getLastStreamPosition()}`;
        return Number(message.getEvent()?.getEvent()?.getStreamRevision());
      });
    };
    expect(await read(7, 2)).to.deep.equal([7, 8, 'last 9']);
    expect(await read(10, 2), 'after the last').to.deep.equal(['last 9']);
    expect(await read(20, 2), 'far after it').to.deep.equal(['first 10', 'last 9']);
    const backwards = (options: ReadReq.Options) =>
      options.setReadDirection(Options.ReadDirection.BACKWARDS);
    expect(await read(1, 5, backwards)).to.deep.equal([1, 0, 'last 9']);
    await client.setStreamMetadata(stream, { truncateBefore: 8 });
    expect(await read(0, 2), 'a page before it').to.deep.equal(['first 8', 8, 9, 'last 9']);
    expect(await read(0, 20), 'in its page').to.deep.equal([8, 9, 'last 9']);
    expect(await read(5, 5, backwards)).to.deep.equal(['last 9']);
    await client.setStreamMetadata(stream, { truncateBefore: 100 });
    expect(await read(0, 2)).to.deep.equal(['first 100', 'first 10', 'last 9']);
    expect(await read(0, 2, (options) => options.clearControlOption())).to.deep.equal([]);
  });

  it('82 ids come as two numbers for who asks, in reads and live', async () => {
    const { client } = subject;
    const stream = unique('structured');
    const written = events(2);
    const live = events(1);
    await client.appendToStream(stream, written);
    const structured = (options: ReadReq.Options) => {
      const uuids = new Options.UUIDOption();
      uuids.setStructured(empty);
      options.setUuidOption(uuids);
      options.setResolveLinks(true);
    };
    const ids = (call: RawCall) =>
      call.messages.flatMap((message) => {
        const id = message.getEvent()?.getEvent()?.getId()?.getStructured();
        return id ? [uuidText(id.getMostSignificantBits(), id.getLeastSignificantBits())] : [];
      });
    const reading = raw.read(
      readStreamRequest(stream, (options) => {
        structured(options);
        count(options);
      }),
    );
    await stepsOf(reading);
    expect(ids(reading)).to.deep.equal(idsOf(written));
    const subscription = raw.read(
      readStreamRequest(stream, (options) => {
        structured(options);
        options.setSubscription(new Options.SubscriptionOptions());
      }),
    );
    await subscription.caughtUp();
    await client.appendToStream(stream, live);
    await subscription.count(3);
    expect(ids(subscription)).to.deep.equal(idsOf([...written, ...live]));
    subscription.cancel();
    expect(recorded(await collect(client.readStream(stream)))).to.have.length(3);
  });
});
