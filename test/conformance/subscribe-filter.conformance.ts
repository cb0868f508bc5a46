import { randomBytes } from 'node:crypto';
import {
  type AllStreamSubscription,
  eventTypeFilter,
  type Filter,
  jsonEvent,
  type Position,
  streamNameFilter,
} from '@eventstore/db-client';
import { expect } from 'chai';
import { events, idsOf, unique } from './support/client.ts';
import {
  checkpointsInto,
  comparePositions,
  mark,
  Recorder,
  recording,
  type Step,
} from './support/recorder.ts';
import { useSubject } from './support/suite.ts';

/**
 * Real servers look at this many events between two checkpoints when the client names no window.
 */
const defaultWindow = 32;

describe('conformance: subscribe, filters and checkpoints', () => {
  const subject = useSubject();

  it('43 prefix and regex filters on stream and type, in history and live', async () => {
    const { client } = subject;
    const tag = `t${randomBytes(8).toString('hex')}`;
    const fromPosition = await mark(client, unique('before-filters'));
    const filters: Record<string, Filter> = {
      streamPrefix: streamNameFilter({ prefixes: [`${tag}-a-`, `${tag}-c-`] }),
      streamRegex: streamNameFilter({ regex: `^${tag}-[ab]-\\d+$` }),
      typePrefix: eventTypeFilter({ prefixes: [`${tag}Opened`] }),
      typeRegex: eventTypeFilter({ regex: `^${tag}.*(Closed|Moved)$` }),
    };
    const streams = [`${tag}-a-1`, `${tag}-b-2`, `${tag}-c-x`, `x-${tag}-a-1`];
    const types = [`${tag}Opened`, `${tag}OpenedAgain`, `${tag}Closed`, `${tag}WasMoved`, 'Other'];
    const expected: Record<string, (stream: string, type: string) => boolean> = {
      streamPrefix: (stream) => stream === streams[0] || stream === streams[2],
      streamRegex: (stream) => stream === streams[0] || stream === streams[1],
      typePrefix: (_, type) => type === types[0] || type === types[1],
      typeRegex: (_, type) => type === types[2] || type === types[3],
    };
    const written: { id: string; stream: string; type: string }[] = [];
    const writeOfEach = async () => {
      for (const stream of streams) {
        const proposed = types.map((type) => jsonEvent({ type, data: { stream } }));
        await client.appendToStream(stream, proposed);
        written.push(...proposed.map(({ id, type }) => ({ id, stream, type })));
      }
    };
    await writeOfEach();
    const recorders = Object.entries(filters).map(
      ([name, filter]) =>
        [name, new Recorder(client.subscribeToAll({ fromPosition, filter }))] as const,
    );
    try {
      for (const [, recorder] of recorders) await recorder.caughtUp();
      for (const phase of ['history', 'live']) {
        if (phase === 'live') await writeOfEach();
        for (const [name, recorder] of recorders) {
          const wanted = written.filter(({ stream, type }) => expected[name]?.(stream, type));
          await recorder.count(wanted.length);
          expect(recorder.ids, `${name}, ${phase}`).to.deep.equal(wanted.map(({ id }) => id));
        }
      }
    } finally {
      for (const [, recorder] of recorders) await recorder.close();
    }
  });

  it('44 checkpoints are monotonic, regular, and never overtake an event', async () => {
    const { client } = subject;
    const stream = unique('checkpoints');
    const fromPosition = await mark(client, unique('before-checkpoints'));
    const history = await writeMixed(stream, 40);
    const steps: Step[] = [];
    const filter = streamNameFilter({ prefixes: [stream], ...checkpointsInto(steps) });
    await recording(record(client.subscribeToAll({ fromPosition, filter }), steps), async (it) => {
      await it.caughtUp();
      const inHistory = checkpointsOf(steps);
      // 40 appends of one matching and nine other events are 400 considered events.
      expect(inHistory.length).to.be.at.least(Math.floor(400 / defaultWindow));
      const live = await writeMixed(stream, 40);
      await it.count(80);
      await it.until(
        'checkpoints while live',
        () => checkpointsOf(steps).length >= inHistory.length + Math.floor(400 / defaultWindow) - 1,
      );
      expect(it.ids).to.deep.equal([...history, ...live]);
      expectCheckpointsHold(steps);
    });
    const sparse: Step[] = [];
    const every4 = { prefixes: [stream], checkpointInterval: 4, ...checkpointsInto(sparse) };
    const options = { fromPosition, filter: streamNameFilter(every4) };
    await recording(record(client.subscribeToAll(options), sparse), async (it) => {
      await it.caughtUp();
      expect(it.delivered).to.have.length(80);
      expectCheckpointsHold(sparse);
      // 800 considered events, a checkpoint every 4 × 32 of them, and one at the end.
      expect(checkpointsOf(sparse).length).to.be.within(4, 12);
    });
  });

  it('45 resumed from any checkpoint: no gap, no double', async () => {
    const { client } = subject;
    const stream = unique('resume');
    const fromPosition = await mark(client, unique('before-resume'));
    const wanted = await writeMixed(stream, 60);
    const steps: Step[] = [];
    const filter = streamNameFilter({ prefixes: [stream], ...checkpointsInto(steps) });
    await recording(record(client.subscribeToAll({ fromPosition, filter }), steps), (it) =>
      it.caughtUp(),
    );
    const checkpoints = steps.flatMap((step, index) => (step.kind === 'checkpoint' ? [index] : []));
    expect(checkpoints.length).to.be.at.least(10);
    for (const index of checkpoints) {
      const fromPosition = (steps[index] as Step).position;
      const done = steps
        .slice(0, index)
        .flatMap((step) => (step.kind === 'event' ? [step.id] : []));
      const resumed = client.subscribeToAll({
        fromPosition,
        filter: streamNameFilter({ prefixes: [stream] }),
      });
      await recording(resumed, async (it) => {
        await it.caughtUp();
        expect([...done, ...it.ids], `resumed at checkpoint ${fromPosition.commit}`).to.deep.equal(
          wanted,
        );
      });
    }
  });

  /**
   * `appends` appends of one event into `stream` and nine into another that no filter here matches.
   */
  async function writeMixed(stream: string, appends: number): Promise<string[]> {
    const { client } = subject;
    const aside = unique('aside');
    const ids: string[] = [];
    for (let append = 0; append < appends; append++) {
      const one = events(1, append);
      await client.appendToStream(stream, one);
      await client.appendToStream(aside, events(9));
      ids.push(...idsOf(one));
    }
    return ids;
  }
});

/** Adds a subscription's events to the list that its checkpoints go into. */
function record(subscription: AllStreamSubscription, steps: Step[]): AllStreamSubscription {
  return subscription.on('data', ({ event }) => {
    const { id, position } = event as { id: string; position: Position };
    steps.push({ kind: 'event', id, position });
  });
}

function checkpointsOf(steps: readonly Step[]): Position[] {
  return steps.filter(({ kind }) => kind === 'checkpoint').map(({ position }) => position);
}

/**
 * A checkpoint says that everything up to it was delivered: later events are later in the log, and
 * so are checkpoints.
 */
function expectCheckpointsHold(steps: readonly Step[]): void {
  let checkpoint: Position = { commit: -1n, prepare: -1n };
  for (const [index, { kind, position }] of steps.entries()) {
    const order = comparePositions(position, checkpoint);
    const places = `${kind} ${index} at ${position.commit}, checkpoint ${checkpoint.commit}`;
    expect(order, places).to.be.at.least(kind === 'checkpoint' ? 0 : 1);
    if (kind === 'checkpoint') checkpoint = position;
  }
}
