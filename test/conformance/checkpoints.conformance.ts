import type { EventStoreDBClient, Position } from '@eventstore/db-client';
import { expect } from 'chai';
import { collect, events, recorded, unique } from './support/client.ts';
import { type Place, RawClient, subscribeRequest } from './support/raw.ts';
import { externalUrl, isReal, type Subject, useSubject } from './support/suite.ts';

/** Events that a page of a search looks at. */
const pageEvents = 32;
const nowhere = 'checkpoint 18446744073709551615/18446744073709551615';

// A server of EVENTSTORE_URL has the checkpoints of the version that it says it is.
if (isReal)
  describe('conformance: checkpoints', () => {
    const subject = useSubject();
    // The log of the server of EVENTSTORE_URL has other events.
    if (externalUrl === undefined) newLogCases(subject);
    cases(subject);
  });
else {
  for (const version of ['24.10.4', '25.0']) {
    describe(`conformance: checkpoints as of ${version}`, () => {
      const subject = useSubject(['--checkpoints', version]);
      newLogCases(subject);
      cases(subject);
    });
  }
}

/** What only a log without any other events shows: these come before the others. */
function newLogCases(subject: Subject): void {
  it('67 a new log begins with the metadata of $scavenges', async () => {
    const [first] = recorded(await collect(subject.client.readAll({ maxCount: 1 })));
    expect(first).to.deep.include({ streamId: '$$$scavenges', type: '$metadata', revision: 0n });
  });

  it('68 nothing found in a new log: a checkpoint that is nowhere (24.10.4), or at 0/0', async () => {
    await withRaw(subject, async (raw, { endsAtLastPage }) => {
      const call = raw.read(subscribeRequest('start', unique('nothing')));
      await call.caughtUp();
      const expected = endsAtLastPage ? 'checkpoint 0/0' : nowhere;
      expect(call.steps).to.deep.equal(['confirmation', expected, 'caught-up']);
      call.cancel();
    });
  });

  it('69 after a checkpoint that is nowhere the call sends no other one', async () => {
    await withRaw(subject, async (raw, { endsAtLastPage }) => {
      const own = unique('own');
      const call = raw.read(subscribeRequest('start', own));
      await call.caughtUp();
      await subject.client.appendToStream(unique('foreign'), events(2 * pageEvents));
      const [place] = await append(subject.client, own, 1);
      await call.count(1);
      const live = call.steps.slice(call.steps.indexOf('caught-up') + 1);
      const event = `event ${text(place)}`;
      if (endsAtLastPage) expect(live).to.have.length(3);
      else expect(live).to.deep.equal([event]);
      expect(live.at(-1)).to.equal(event);
      call.cancel();
    });
  });

  it('70 who resumes from nowhere resumes from the end', async () => {
    await withRaw(subject, async (raw) => {
      const own = unique('own');
      await append(subject.client, own, 1);
      const end = 2n ** 64n - 1n;
      const call = raw.read(subscribeRequest({ commit: end, prepare: end }, own));
      await call.caughtUp();
      const [place] = await append(subject.client, own, 1);
      await call.count(1);
      expect(call.steps).to.deep.equal(['confirmation', 'caught-up', `event ${text(place)}`]);
      call.cancel();
    });
  });
}

function cases(subject: Subject): void {
  it('71 catch-up ends with an empty page: the next event is born where the checkpoint is', async () => {
    await withRaw(subject, async (raw, { endsAtLastPage }) => {
      const own = unique('own');
      const [start] = await append(subject.client, unique('mark'), 1);
      // With the mark itself they fill a page.
      await append(subject.client, unique('foreign'), pageEvents - 1);
      const call = raw.read(subscribeRequest(start as Place, own));
      await call.caughtUp();
      const [place] = await append(subject.client, own, 1);
      await call.count(1);
      const checkpoints = [`checkpoint ${text(start)}`];
      if (endsAtLastPage) checkpoints.push(`checkpoint ${place?.commit}/0`);
      const expected = ['confirmation', ...checkpoints, 'caught-up', `event ${text(place)}`];
      expect(call.steps).to.deep.equal(expected);
      call.cancel();

      const again = raw.read(subscribeRequest({ commit: place?.commit ?? 0n, prepare: 0n }, own));
      await again.count(1);
      expect(again.steps[1], 'from the checkpoint as it is').to.equal(`event ${text(place)}`);
      again.cancel();
    });
  });

  it('72 a page checkpoint is where the page begins: before its first event, and a page behind', async () => {
    await withRaw(subject, async (raw, { endsAtLastPage }) => {
      const [start] = await append(subject.client, unique('mark'), 1);
      const foreign = await append(subject.client, unique('foreign'), 2 * pageEvents + 5);
      const call = raw.read(subscribeRequest(start as Place, unique('nothing')));
      await call.caughtUp();
      // The first page looks at the mark once more.
      const [second, third] = [foreign[pageEvents - 1], foreign[2 * pageEvents - 1]];
      const checkpoints = [text(start), `${second?.commit}/0`];
      if (endsAtLastPage) checkpoints.push(`${third?.commit}/0`);
      const expected = checkpoints.map((at) => `checkpoint ${at}`);
      expect(call.steps).to.deep.equal(['confirmation', ...expected, 'caught-up']);
      call.cancel();
    });
  });

  it('73 after a match the checkpoint is the match', async () => {
    await withRaw(subject, async (raw) => {
      const own = unique('own');
      const [start] = await append(subject.client, unique('mark'), 1);
      await append(subject.client, unique('foreign'), 5);
      const [place] = await append(subject.client, own, 1);
      await append(subject.client, unique('foreign'), 5);
      const call = raw.read(subscribeRequest(start as Place, own));
      await call.caughtUp();
      const expected = ['confirmation', `event ${text(place)}`, `checkpoint ${text(place)}`];
      expect(call.steps).to.deep.equal([...expected, 'caught-up']);
      call.cancel();
    });
  });

  it('74 from the end there is no checkpoint until 32 events were committed', async () => {
    await withRaw(subject, async (raw) => {
      const call = raw.read(subscribeRequest('end', unique('nothing')));
      await call.caughtUp();
      const foreign = await append(subject.client, unique('foreign'), pageEvents + 3);
      await call.until('a checkpoint', () => call.steps.length > 2);
      const expected = ['confirmation', 'caught-up', `checkpoint ${text(foreign[pageEvents - 1])}`];
      expect(call.steps).to.deep.equal(expected);
      call.cancel();
    });
  });

  it('75 reads of $all compare both halves: (P, 0) comes before the event at (P, P)', async () => {
    const { client } = subject;
    const written = await append(client, unique('halves'), 3);
    const [first, second] = written as [Place, Place];
    const fromPosition: Position = { commit: second.commit, prepare: 0n };
    const forwards = recorded(await collect(client.readAll({ fromPosition, maxCount: 1 })));
    expect(forwards[0]?.position).to.deep.equal(second);
    const back = { fromPosition, direction: 'backwards', maxCount: 1 } as const;
    const [before] = recorded(await collect(client.readAll(back)));
    expect(before?.position?.commit, 'backwards it is the event before the one before').to.satisfy(
      (commit: bigint) => commit < first.commit,
    );
  });
}

/** How the server's version ends a search. */
interface Manner {
  /** Since 24.10.5 and 25.0: with the start of the last page; before: with what was sent last. */
  readonly endsAtLastPage: boolean;
}

async function withRaw(
  { url }: Subject,
  test: (raw: RawClient, manner: Manner) => Promise<void>,
): Promise<void> {
  const raw = new RawClient(url);
  try {
    await test(raw, { endsAtLastPage: (await raw.release()) >= 241_005 });
  } finally {
    raw.close();
  }
}

/** Appends in one go; the places of what was written, in order. */
async function append(client: EventStoreDBClient, stream: string, count: number): Promise<Place[]> {
  await client.appendToStream(stream, events(count));
  const written = recorded(
    await collect(
      client.readStream(stream, { direction: 'backwards', fromRevision: 'end', maxCount: count }),
    ),
  );
  return written.reverse().map(({ position }) => position as Place);
}

function text(place: Place | undefined): string {
  return `${place?.commit}/${place?.prepare}`;
}
