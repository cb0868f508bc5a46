import { EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { expect } from 'chai';
import { eventStoreBin } from '../../src/drill/environment.ts';
import { type EventStoreNodes, startEventStoreNodes } from './eventstore-nodes.ts';
import { eventually } from './eventually.ts';

/** A cluster's start and its elections, on a busy machine. */
const clusterMs = 240_000;

describe(`nodes of EVENTSTORE_BIN${eventStoreBin === undefined ? ' [skipped: it is not set]' : ''}`, () => {
  let started: EventStoreNodes | undefined;

  before(function () {
    if (eventStoreBin === undefined) this.skip();
  });

  afterEach(async () => {
    await started?.stop();
    started = undefined;
  });

  it('one on disk keeps its data through a kill, and ends at the end', async function () {
    this.timeout(clusterMs);
    started = await startEventStoreNodes({ data: 'disk' });
    expect(started.version).to.match(/^\d+\.\d+/);
    const [node] = started.nodes;
    await append(started.url, 'kept');
    await node?.kill('SIGKILL');
    expect(node?.running).to.equal(false);
    await node?.restart();
    await started.ready();
    expect(await count(started.url, 'kept')).to.equal(1);
    const pid = node?.pid ?? 0;
    await started.stop();
    expect(() => process.kill(pid, 0)).to.throw('ESRCH');
  });

  it('three name another leader when theirs hangs', async function () {
    this.timeout(clusterMs);
    started = await startEventStoreNodes({ count: 3 });
    expect(started.nodes).to.have.lengthOf(3);
    await append(started.url, 'before');
    const first = await started.leader();
    first.pause();
    const next = await eventually(
      'another leader',
      async () => {
        const leader = await started?.leader();
        return leader === first ? undefined : leader;
      },
      clusterMs,
      500,
    );
    await append(next.url, 'after');
    first.resume();
    await started.ready();
    expect(await count(started.url, 'after')).to.equal(1);
  });
});

async function append(url: string, stream: string): Promise<void> {
  const client = EventStoreDBClient.connectionString(url);
  try {
    const event = jsonEvent({ type: 'Happened', data: {} });
    await client.appendToStream(stream, [event], { expectedRevision: NO_STREAM });
  } finally {
    await client.dispose();
  }
}

async function count(url: string, stream: string): Promise<number> {
  const client = EventStoreDBClient.connectionString(url);
  try {
    let events = 0;
    for await (const _ of client.readStream(stream)) events++;
    return events;
  } finally {
    await client.dispose();
  }
}
