import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { connect, events, rejection, unique } from '../conformance/support/client.ts';
import { type OwnServer, startOwnServer } from '../conformance/support/own-server.ts';
import { eventually } from '../support/eventually.ts';
import { describeWithOwnEventStore } from '../support/servers.ts';
import { type Attempt, Ledger } from './crash/ledger.ts';
import {
  checkWholeLog,
  type Found,
  type LogTail,
  verifyLog,
  verifyStreams,
} from './crash/verify.ts';
import { send, writeUntilKilled } from './crash/writers.ts';

/** How many times the server is killed: 200 in the long form (npm run test:crash). */
const isLongForm = process.env.CRASH_ROUNDS !== undefined;
const rounds = isLongForm ? Number(process.env.CRASH_ROUNDS) : 10;

/**
 * A kill comes at a random moment up to here after the writers began: from the very first append
 * on.
 */
const killWithinMs = 500;

/** Milliseconds that one round may take, with a slow machine's start of the server in it. */
const roundMaxMs = 15_000;

describeWithOwnEventStore('event store: killed under load', function () {
  this.timeout(30_000 + rounds * roundMaxMs);

  it(`keeps what it acknowledged through ${rounds} kills, once, whole and in order`, async () => {
    if (!(rounds > 0)) throw new Error(`CRASH_ROUNDS is ${process.env.CRASH_ROUNDS}`);
    const server = await startOwnServer();
    const whole = new Ledger();
    const tally = { acknowledged: 0, unclear: 0, unclearButThere: 0 };
    let newest: bigint | null = null;
    try {
      for (let round = 0; round < rounds; round++) {
        const ledger = new Ledger();
        const killed = await loadAndKill(server, ledger, round);
        expect(killed, 'every writer saw the server go').to.have.length.above(0);
        tally.acknowledged += ledger.acknowledged.length;
        tally.unclear += ledger.unclear.length;
        await server.start();
        const client = connect(server.url);
        try {
          const found = await verifyStreams(client, ledger.attempts);
          tally.unclearButThere += found.length;
          const afterCrash: LogTail = await verifyLog(client, newest);
          await retryUnclear(client, ledger, found, afterCrash.newest);
          expect(await verifyStreams(client, ledger.attempts), 'nothing is unclear').to.deep.equal(
            [],
          );
          newest = (await verifyLog(client, newest)).newest;
        } finally {
          await client.dispose();
        }
        whole.attempts.push(...ledger.attempts);
      }
      const client = connect(server.url);
      await verifyStreams(client, whole.attempts);
      checkWholeLog((await verifyLog(client, null)).ids, whole.attempts);
      await client.dispose();
    } finally {
      await server.dispose();
    }
    // Rounds in which the kill met nobody would prove nothing.
    expect(tally.acknowledged, 'acknowledged appends').to.be.above(rounds);
    expect(tally.unclear, 'appends without an answer').to.be.above(rounds);
    if (isLongForm) console.info(`      ${rounds} kills: ${JSON.stringify(tally)}`);
  });

  it('the proof notices what is lost, torn, doubled, misplaced or foreign (negative control)', async () => {
    const server = await startOwnServer();
    const client = connect(server.url);
    try {
      const plan = async (lie: (attempt: Attempt, truth: Attempt) => Promise<void>) => {
        const truth = newAttempt(2);
        await send(client, truth);
        const attempt = { ...newAttempt(3), stream: truth.stream, expected: 1n };
        await lie(attempt, truth);
        return (await rejection(verifyStreams(client, [truth, attempt]))) as Error;
      };
      const answer = { revision: 4n, position: 1n };
      const lost = await plan(async (attempt) => void Object.assign(attempt, { answer }));
      expect(lost.message).to.match(/acknowledged append is lost/);
      const torn = await plan((attempt) =>
        send(client, { ...attempt, events: attempt.events.slice(0, 2) }),
      );
      expect(torn.message).to.match(/torn/);
      const doubled = await plan(async (attempt, truth) => {
        await send(client, attempt);
        // At the stream's end the ids are not compared: this is how a store without retries would
        // look.
        await send(client, { ...truth, expected: 4n });
      });
      expect(doubled.message).to.match(/twice/);
      const misplaced = await plan(async (attempt) => {
        await send(client, attempt);
        Object.assign(attempt, { answer: { ...attempt.answer, revision: 3n } });
      });
      expect(misplaced.message).to.match(/the answer of an append/);
      const foreign = await plan((attempt) => send(client, { ...attempt, events: events(1) }));
      expect(foreign.message).to.match(/only what was written/);
    } finally {
      await client.dispose();
      await server.dispose();
    }
  });
});

function newAttempt(count: number): Attempt {
  return { stream: unique('planned'), expected: 'no_stream', way: 'batch', events: events(count) };
}

/**
 * Lets the writers write and kills the server at a random moment; resolves when all writers have
 * stopped.
 */
async function loadAndKill(server: OwnServer, ledger: Ledger, round: number): Promise<unknown[]> {
  const client = connect(server.url);
  try {
    const writing = writeUntilKilled(client, ledger, `r${round}`);
    // In every other round after the first answer: a slow machine would be killed before it, time
    // and again.
    if (round % 2 === 1)
      await eventually('an answer', () => ledger.acknowledged.length > 0, 10_000);
    await delay(randomInt(killWithinMs));
    await server.kill();
    return await writing;
  } finally {
    await client.dispose();
  }
}

/**
 * Sends what had no answer again. What is there already is answered as it is there; the rest is
 * written now.
 */
async function retryUnclear(
  client: ReturnType<typeof connect>,
  ledger: Ledger,
  found: readonly Found[],
  newest: bigint,
): Promise<void> {
  const there = new Map(found.map((place) => [place.attempt, place]));
  for (const attempt of ledger.unclear) {
    const place = there.get(attempt);
    // "any" promises to know recent ids only: after a restart it may write them again. So it is not
    // sent again.
    if (attempt.expected === 'any' && place !== undefined) {
      attempt.answer = { revision: place.revision, position: place.position };
      continue;
    }
    await send(client, attempt);
    if (place === undefined) {
      expect(attempt.answer && attempt.answer.position > newest, 'a new position').to.equal(true);
    } else {
      const { revision, position } = place;
      expect(attempt.answer, 'the retry is recognised').to.deep.equal({ revision, position });
    }
  }
}
