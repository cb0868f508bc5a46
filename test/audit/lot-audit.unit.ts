import { expect } from 'chai';
import { auditQueue } from '../../src/audit/audit-queue.ts';
import { describeAudit } from '../../src/audit/audit-words.ts';
import { InProcessQueue } from '../../src/queue/in-process-queue.ts';
import type { Lot } from '../../src/queue/lot.ts';
import { notSteered } from '../../src/queue/queue-control.ts';
import type { QueueMove } from '../../src/queue/queue-log.ts';
import { inOrderOf } from '../queue/support/lot-contract.ts';
import { testSettings } from '../queue/support/times.ts';
import { Log, settings, startMs } from './support/audited-log.ts';

const seed = '0f'.repeat(32);
const at = (second: number) => new Date(startMs + second * 1_000).toISOString();
/** Ten minutes, of which the last takes no part. */
const times = { from: at(60), opensAt: at(660) };
const lot: Lot = {
  fromNumber: (startMs + 60_000) * 1_000,
  untilNumber: (startMs + 600_000) * 1_000,
  seed,
  toldAtMs: startMs + 629_000,
  opensAtMs: startMs + 660_000,
};
const users = Array.from({ length: 12 }, (_, n) => `u-${n}`);

/** The moves of a sale with a lot, whose buyers poll five times a second from the draw on. */
async function sale(): Promise<QueueMove[]> {
  let nowMs = startMs + 61_000;
  const moves: QueueMove[] = [];
  const queue = new InProcessQueue(
    { ...testSettings, waitingMs: 10_000_000, claimMs: 1_000, admittedMs: 1_000 },
    { now: () => nowMs, chance: () => 0, onMove: (move) => moves.push(move) },
  );
  queue.steer({ ...notSteered, revision: 0, lot: { ...lot, seed: '' } });
  for (const user of users) {
    await queue.poll(user);
    nowMs += 10_000;
  }
  nowMs = startMs + 603_000;
  queue.steer({ ...notSteered, revision: 1, lot });
  const waiting = new Set([...users, 'late']);
  while (waiting.size > 0) {
    for (const user of [...waiting]) {
      if ((await queue.poll(user)).processing) waiting.delete(user);
    }
    nowMs += 200;
  }
  return moves;
}

interface Parts {
  readonly drawn?: number;
  readonly by?: string;
  readonly change?: (moves: QueueMove[]) => void;
}

async function logOf({ drawn = 602, by = seed, change = () => {} }: Parts): Promise<Log> {
  const log = await new Log().steer(1, { lot: times });
  const moves = await sale();
  change(moves);
  const put = async (some: readonly QueueMove[]) => {
    for (const [kind, user, number, ms] of some) {
      await log.moves([[kind, user, number, (ms - startMs) / 1_000]]);
    }
  };
  const early = moves.filter(([, , , ms]) => ms < startMs + drawn * 1_000);
  await put(early);
  await log.draw(drawn, { ...times, seed: by });
  await put(moves.filter((move) => !early.includes(move)));
  return log;
}

const audited = async (parts: Parts = {}) => {
  const judged = { ...settings, askMsMax: 1_000 };
  return auditQueue(await logOf(parts), { settings: judged, listedMax: 20 });
};

describe('the audit of places by lot', () => {
  it('repeats the draw from its seed, and says who took part', async () => {
    const verdict = await audited();
    expect(verdict.violations.byCode).to.deep.equal({});
    const [room] = verdict.rooms;
    expect(room?.lots).to.have.lengthOf(1);
    expect(room?.lots[0]).to.deep.include({ seed, tookPart: 12, opensMs: lot.opensAtMs });
    expect(describeAudit(verdict)).to.include('12 took part').and.to.include(seed);
    const admitted = (await sale()).filter(([kind]) => kind === 'admitted');
    const line = [...inOrderOf(lot, users), 'late'];
    const whens = line.map((user) => admitted.find(([, who]) => who === user)?.[3] ?? 0);
    expect(whens).to.deep.equal([...whens].sort((a, b) => a - b));
    expect(whens[0]).to.equal(lot.opensAtMs);
  });

  it('finds another order than that of the seed', async () => {
    const { violations } = await audited({ by: 'f0'.repeat(32) });
    expect(violations.byCode).to.have.property('out-of-order').greaterThan(0);
    const swapped = await audited({
      change(moves) {
        const [first, last] = [inOrderOf(lot, users)[0], inOrderOf(lot, users)[11]];
        const placeOf = (user: string | undefined) => moves.find(([, who]) => who === user);
        const [one, other] = [[...(placeOf(first) ?? [])], [...(placeOf(last) ?? [])]];
        for (const move of moves) {
          const to = move[1] === first ? other : move[1] === last ? one : undefined;
          if (to === undefined || move[0] === 'enrolled') continue;
          [move[1], move[2]] = [String(to[1]), Number(to[2])];
        }
      },
    });
    expect(swapped.violations.byCode).to.have.property('out-of-order').greaterThan(0);
  });

  it('finds who was admitted before the sale opened, or before the draw', async () => {
    const early = await audited({
      change(moves) {
        const first = moves.find(([kind]) => kind === 'admitted') as QueueMove;
        first[3] = lot.opensAtMs - 1;
      },
    });
    expect(early.violations.byCode).to.deep.equal({ 'before-opening': 1 });
    expect((await audited({ drawn: 662 })).violations.byCode).to.have.property('before-opening');
  });

  it('finds a draw while users could still enrol, a second one, and one of no lot', async () => {
    expect((await audited({ drawn: 599 })).violations.byCode).to.deep.equal({ 'wrong-draw': 1 });
    const log = await logOf({});
    await log.draw(700, { ...times, seed: 'aa'.repeat(32) });
    await log.draw(701, { ...times, opensAt: at(661), seed });
    const verdict = await auditQueue(log, { settings, listedMax: 9 });
    expect(verdict.violations.byCode).to.deep.equal({ 'wrong-draw': 2 });
  });
});
