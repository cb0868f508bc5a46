import type { EventData } from '@eventstore/db-client';
import {
  NotLeaderError,
  StreamDeletedError,
  UnknownError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { expect } from 'chai';
import {
  bothWays,
  collect,
  connect,
  events,
  expectError,
  expectNotFound,
  expectWrongVersion,
  idsIn,
  idsOf,
  positionOf,
  recorded,
  rejection,
  unary,
  unique,
} from './support/client.ts';
import { withFaultyServer } from './support/own-server.ts';
import { recording } from './support/recorder.ts';
import { externalUrl, isReal, itWithEmbeddedServer, useSubject } from './support/suite.ts';

describe('conformance: life, finding servers and their errors', () => {
  const subject = useSubject();

  it('a connection name, requires-leader and credentials are accepted', async () => {
    const separator = subject.url.includes('?') ? '&' : '?';
    const client = connect(`${subject.url}${separator}connectionName=conformance`);
    try {
      const stream = unique('polite');
      const credentials = unary.options.credentials;
      const polite = { requiresLeader: true, ...(credentials && { credentials }) };
      const written = events(2);
      await client.appendToStream(stream, written[0] as EventData, polite);
      await client.appendToStream(stream, written[1] as EventData, { requiresLeader: true });
      const read = recorded(await collect(client.readStream(stream, polite)));
      expect(read.map(({ id }) => id)).to.deep.equal(idsOf(written));
      await client.setStreamMetadata(stream, { maxCount: 5 }, polite);
      await recording(client.subscribeToStream(stream, polite), (recorder) => recorder.count(2));
      positionOf(await client.deleteStream(stream, polite));
    } finally {
      await client.dispose();
    }
  });

  itWithEmbeddedServer(
    'what the embedded server does not have answers UNIMPLEMENTED',
    'a real server has it',
    async () => {
      const error = await rejection(subject.client.listProjections());
      expect(error).to.be.instanceOf(Error).and.to.have.property('code', 12);
    },
  );

  // A cluster's gossip names its leader, which need not be the node that was asked.
  it('64 discovery by gossip: esdb+discover:// and several hosts', async () => {
    const url = new URL(subject.url.replace(/^esdb(\+discover)?:/, 'http:'));
    const settings = new URLSearchParams(externalUrl === undefined ? 'tls=false' : url.search);
    settings.set('gossipTimeout', '5');
    const tail = `${url.host}/?${settings}`;
    const login = url.username === '' ? '' : `${url.username}:${url.password}@`;
    for (const found of [
      `esdb+discover://${login}${tail}`,
      `esdb+discover://${login}${tail}&nodePreference=leader`,
      `esdb://${login}${url.host},${tail}`,
    ]) {
      const client = connect(found);
      try {
        const stream = unique('discovered');
        const written = events(2);
        const answer = await client.appendToStream(stream, written);
        expect(answer.nextExpectedRevision).to.equal(1n);
        expect(await idsIn(client, stream)).to.deep.equal(idsOf(written));
      } finally {
        await client.dispose();
      }
    }
  });

  it('66 an error on a non-ASCII stream name keeps its class', async () => {
    const { client } = subject;
    const stream = unique('좌석-🎫/é');
    await client.appendToStream(stream, events(1));
    for (const { options } of bothWays) {
      await expectWrongVersion(
        client.appendToStream(stream, events(1), { ...options, expectedRevision: 4n }),
        { streamName: stream, expectedVersion: 4n, actualVersion: 0n },
      );
    }
    // The rest come in trailers, which carry ASCII only. A real server fails at that, and says HTTP
    // 500 for them all.
    const inTrailers = <T extends Error>(
      error: unknown,
      errorClass: Parameters<typeof expectError<T>>[1],
      fields?: Partial<T>,
    ) => (isReal ? expectError(error, UnknownError) : expectError(error, errorClass, fields));
    for (const attempt of [
      () => client.deleteStream(stream, { expectedRevision: 4n }),
      () => client.tombstoneStream(stream, { expectedRevision: 4n }),
    ]) {
      const wrong = { expectedVersion: 4n, actualVersion: 0n };
      inTrailers(await rejection(attempt()), WrongExpectedVersionError, wrong);
    }
    await client.tombstoneStream(stream);
    const appended = await rejection(client.appendToStream(stream, events(1)));
    expectError(appended, StreamDeletedError);
    for (const attempt of [
      () => collect(client.readStream(stream)),
      () => client.appendToStream(stream, events(1), unary.options),
      () => client.deleteStream(stream),
      () => client.tombstoneStream(stream),
    ]) {
      inTrailers(await rejection(attempt()), StreamDeletedError);
    }
    await recording(client.subscribeToStream(stream), async (recorder) => {
      inTrailers(await recorder.failure(), StreamDeletedError);
    });
  });

  itWithEmbeddedServer(
    '65 a not-leader answer moves the next call to the leader',
    'orders a fault',
    async () => {
      await withFaultyServer(async (follower, client) => {
        await withFaultyServer(async (leader, direct) => {
          const written: string[] = [];
          const stream = unique('led');
          for (const { options } of bothWays) {
            const fault = { kind: 'not-leader', host: '127.0.0.1', port: leader.port };
            expect(await follower.ask({ fault })).to.deep.equal({ fault: 'set' });
            const moved = connect(follower.url);
            const proposed = events(1);
            const error = await rejection(moved.appendToStream(stream, proposed, options));
            expectError(error, NotLeaderError);
            expect(error.leader).to.deep.equal({ address: '127.0.0.1', port: leader.port });
            await moved.appendToStream(stream, proposed, options);
            written.push(...idsOf(proposed));
            expect(await idsIn(moved, stream)).to.deep.equal(written);
            await moved.dispose();
            await follower.ask({ fault: { kind: 'clear' } });
          }
          expect(await idsIn(direct, stream)).to.deep.equal(written);
          await expectNotFound(client, stream);
        });
      });
    },
  );
});
