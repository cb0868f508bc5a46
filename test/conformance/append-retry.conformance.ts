import type { EventData } from '@eventstore/db-client';
import { expect } from 'chai';
import {
  bothWays,
  connect,
  events,
  expectWrongVersion,
  idsIn,
  idsOf,
  unique,
} from './support/client.ts';
import { withServer } from './support/own-server.ts';
import { itWithEmbeddedServer, itWithOwnServer, useSubject } from './support/suite.ts';

describe('conformance: append, retries', () => {
  const subject = useSubject();

  for (const { name: way, options } of bothWays) {
    const noStream = { ...options, expectedRevision: 'no_stream' } as const;

    it(`10 a retry of the same ids with no_stream → the same answer, nothing written (${way})`, async () => {
      const { client } = subject;
      const stream = unique('retry');
      const [first, later] = [events(3), events(2)];
      const answer = await client.appendToStream(stream, first, noStream);
      expect(await client.appendToStream(stream, first, noStream)).to.deep.equal(answer);
      await client.appendToStream(stream, later, options);
      expect(await client.appendToStream(stream, first, noStream)).to.deep.equal(answer);
      expect(await idsIn(client, stream)).to.deep.equal(idsOf([...first, ...later]));
    });

    itWithEmbeddedServer(
      `10 retries at the same moment as the first append → one answer, written once (${way})`,
      'a real server may leave a retry unanswered until the first append is replicated',
      async () => {
        const { client, other } = subject;
        const stream = unique('simultaneous');
        const same = events(2);
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            (index % 2 === 0 ? client : other).appendToStream(stream, same, noStream),
          ),
        );
        for (const answer of answers) expect(answer).to.deep.equal(answers[0]);
        expect(answers[0]?.nextExpectedRevision).to.equal(1n);
        expect(await idsIn(client, stream)).to.deep.equal(idsOf(same));
      },
    );

    it(`11 a retry with a number → the same answer, nothing written (${way})`, async () => {
      const { client } = subject;
      const stream = unique('retry-number');
      const [first, second, third] = [events(2), events(3), events(1)];
      await client.appendToStream(stream, first, noStream);
      const expecting = { ...options, expectedRevision: 1n };
      const answer = await client.appendToStream(stream, second, expecting);
      expect(answer.nextExpectedRevision).to.equal(4n);
      expect(await client.appendToStream(stream, second, expecting)).to.deep.equal(answer);
      await client.appendToStream(stream, third, { ...options, expectedRevision: 4n });
      expect(await client.appendToStream(stream, second, expecting)).to.deep.equal(answer);
      expect(await idsIn(client, stream)).to.deep.equal(idsOf([...first, ...second, ...third]));
    });

    // A promise of recent ids only: a server that was restarted, or a long time ago, may write them
    // again.
    it(`12 a prompt retry with any or stream_exists → the same answer (${way})`, async () => {
      const { client } = subject;
      const stream = unique('retry-any');
      const [first, second] = [events(3), events(2)];
      const any = { ...options, expectedRevision: 'any' } as const;
      const answer = await client.appendToStream(stream, first, any);
      await client.appendToStream(stream, second, any);
      expect(await client.appendToStream(stream, first, any)).to.deep.equal(answer);
      const exists = { ...options, expectedRevision: 'stream_exists' } as const;
      expect(await client.appendToStream(stream, first, exists)).to.deep.equal(answer);
      expect(await idsIn(client, stream)).to.deep.equal(idsOf([...first, ...second]));
    });
  }

  itWithOwnServer(
    '13 a retry with a number or no_stream after a restart → the same answer',
    'restarts the server',
    async () => {
      await withServer(async (server, client) => {
        const stream = unique('restarted');
        const [first, second] = [events(2), events(3)];
        const noStream = { expectedRevision: 'no_stream' } as const;
        const one = await client.appendToStream(stream, first, noStream);
        const two = await client.appendToStream(stream, second, { expectedRevision: 1n });
        await server.stop();
        await server.start();
        const again = connect(server.url);
        try {
          for (const { options } of bothWays) {
            const ofFirst = { ...options, ...noStream };
            expect(await again.appendToStream(stream, first, ofFirst)).to.deep.equal(one);
            const ofSecond = { ...options, expectedRevision: 1n };
            expect(await again.appendToStream(stream, second, ofSecond)).to.deep.equal(two);
          }
          expect(await idsIn(again, stream)).to.deep.equal(idsOf([...first, ...second]));
        } finally {
          await again.dispose();
        }
      });
    },
  );

  it('14 a partial overlap of ids → wrong version, nothing written', async () => {
    const { client } = subject;
    for (const { name, options } of bothWays) {
      const stream = unique(`overlap-${name}`);
      const three = events(3) as [EventData, EventData, EventData];
      await client.appendToStream(stream, three, { ...options, expectedRevision: 'no_stream' });
      const overlaps: [EventData[], 'no_stream' | 'any' | bigint][] = [
        [[three[0], ...events(1)], 'no_stream'],
        [[...three, ...events(1)], 'no_stream'],
        [[three[1], ...events(1)], 0n],
        [[three[1], three[2], ...events(1)], 0n],
        // The ids are all known, but not at these revisions.
        [[three[1], three[0]], 'no_stream'],
        [[three[2]], 0n],
        [[three[0], ...events(1)], 'any'],
      ];
      for (const [proposed, expectedRevision] of overlaps) {
        await expectWrongVersion(
          client.appendToStream(stream, proposed, { ...options, expectedRevision }),
          { streamName: stream, expectedVersion: expectedRevision, actualVersion: 2n },
        );
      }
      expect(await idsIn(client, stream)).to.deep.equal(idsOf(three));
    }
  });

  it('15 the same id in another stream → appended', async () => {
    const { client } = subject;
    const [one, two, three] = [unique('same-id'), unique('same-id'), unique('same-id')];
    const same = events(2);
    for (const [stream, expectedRevision] of [
      [one, 'no_stream'],
      [two, 'no_stream'],
      [three, 'any'],
    ] as const) {
      const answer = await client.appendToStream(stream, same, { expectedRevision });
      expect(answer.nextExpectedRevision).to.equal(1n);
      expect(await idsIn(client, stream)).to.deep.equal(idsOf(same));
    }
  });
});
