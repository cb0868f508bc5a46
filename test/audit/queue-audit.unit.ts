import { expect } from 'chai';
import { type AuditOptions, auditQueue } from '../../src/audit/audit-queue.ts';
import { csvLine, describeAudit } from '../../src/audit/audit-words.ts';
import type { Stay } from '../../src/audit/audited-place.ts';
import type { QueueMove } from '../../src/queue/queue-log.ts';
import { runSale, saleSettings } from '../queue/support/simulation.ts';
import { Log, settings, startMs } from './support/audited-log.ts';

const audit = (log: Log, options: Partial<AuditOptions> = {}) =>
  auditQueue(log, { settings, listedMax: 100, ...options });

const found = async (log: Log, options: Partial<AuditOptions> = {}) => {
  const { violations, exceptions } = await audit(log, options);
  return { violations: violations.byCode, exceptions: exceptions.byCode };
};

describe('the audit of the waiting queue', () => {
  it('proves a plain sale, and says what happened', async () => {
    const log = await new Log().moves([
      ...[['enrolled', 'a', 1, 0] as const, ['admitted', 'a', 1, 0] as const],
      ...[['enrolled', 'b', 2, 1] as const, ['admitted', 'b', 2, 1] as const],
      ['enrolled', 'c', 3, 2],
      ['ended', 'a', 1, 60],
      ['admitted', 'c', 3, 61],
    ]);
    const verdict = await audit(log);
    expect(verdict.violations.total + verdict.exceptions.total).to.equal(0);
    expect(verdict.rooms).to.deep.equal([
      {
        ...{ room: '', enrolled: 3, admitted: 3, unclaimed: 0, left: 0, ended: 1, cleared: 0 },
        ...{ insideMost: 2, waiting: 0, lots: [] },
      },
    ]);
    expect(describeAudit(verdict)).to.contain('proven from the log');
  });

  it('finds who was passed while there, and excuses who was away', async () => {
    const begin = [
      ...[['enrolled', 'a', 1, 0] as const, ['enrolled', 'b', 2, 1] as const],
      ['admitted', 'b', 2, 100] as const,
    ];
    const others = Array.from(
      { length: 50 },
      (_, at) => ['enrolled', `other-${at}`, 10 + at, 4 * at + 3] as const,
    );
    const passed = await new Log().moves([...begin, ['admitted', 'a', 1, 200], ...others]);
    expect(await found(passed)).to.deep.equal({
      violations: { 'out-of-order': 1 },
      exceptions: {},
    });
    const soon = await new Log().moves([...begin, ['admitted', 'a', 1, 110]]);
    expect(await found(soon)).to.deep.equal({ violations: {}, exceptions: {} });
    const away = await new Log().moves([
      ...begin,
      ...[['away', 'a', 1, 50] as const, ['back', 'a', 1, 190] as const],
      ['admitted', 'a', 1, 200],
    ]);
    expect(await found(away)).to.deep.equal({ violations: {}, exceptions: { away: 1 } });
    const backBefore = await new Log().moves([
      ...begin.slice(0, 2),
      ...[['away', 'a', 1, 10] as const, ['back', 'a', 1, 20] as const],
      ...[['admitted', 'b', 2, 100] as const, ['admitted', 'a', 1, 200] as const],
      ...others,
    ]);
    expect((await found(backBefore)).violations).to.deep.equal({ 'out-of-order': 1 });
  });

  it('finds a line that is served from its back', async () => {
    const users = Array.from({ length: 100 }, (_, at) => at + 1);
    const log = await new Log().moves([
      ...users.map((n) => ['enrolled', `u-${n}`, n, n] as const),
      ...users
        .toReversed()
        .flatMap((n, at) => [
          ['admitted', `u-${n}`, n, 101 + 2 * at] as const,
          ['ended', `u-${n}`, n, 102 + 2 * at] as const,
        ]),
    ]);
    // The first ones from the back come within the time in which one asks again.
    expect((await found(log)).violations['out-of-order']).to.be.within(80, 90);
  });

  it('says when nothing moved after somebody was passed: nobody was served', async () => {
    const log = await new Log().moves([
      ...[['enrolled', 'a', 1, 0] as const, ['enrolled', 'b', 2, 1] as const],
      ...[['admitted', 'b', 2, 100] as const, ['admitted', 'a', 1, 200] as const],
    ]);
    expect(await found(log)).to.deep.equal({ violations: {}, exceptions: { standstill: 1 } });
  });

  it('finds one more inside than may be, by the limit of that moment', async () => {
    const three = (['a', 'b', 'c'] as const).flatMap((user, at) => [
      ['enrolled', user, at + 1, 10 + at] as const,
      ['admitted', user, at + 1, 10 + at] as const,
    ]);
    expect(await found(await new Log().moves(three))).to.deep.equal({
      violations: { 'over-limit': 1 },
      exceptions: {},
    });
    const raised = await (await new Log().steer(0, { admittedMax: 3 })).moves(three);
    expect((await found(raised)).violations).to.deep.equal({});
    const lowered = await (await raised.steer(60, { admittedMax: 1 })).moves([
      ...[['enrolled', 'd', 4, 70] as const, ['ended', 'a', 1, 80] as const],
      ['admitted', 'd', 4, 90],
    ]);
    expect((await found(lowered)).violations).to.deep.equal({ 'over-limit': 1 });
  });

  it('takes a place for ended whose user enrols again: a killed process did not tell', async () => {
    const log = await new Log().moves([
      ...[['enrolled', 'a', 1, 0] as const, ['admitted', 'a', 1, 0] as const],
      ...[['enrolled', 'b', 2, 1] as const, ['admitted', 'b', 2, 1] as const],
      ...[['enrolled', 'c', 3, 2] as const, ['admitted', 'c', 3, 60] as const],
      ['enrolled', 'a', 4, 70],
    ]);
    expect(await found(log)).to.deep.equal({ violations: {}, exceptions: { 'end-not-in-log': 2 } });
  });

  it('finds who is admitted twice, while paused, or enrols while nobody may', async () => {
    const twice = await new Log().moves([
      ...[['enrolled', 'a', 1, 0] as const, ['admitted', 'a', 1, 0] as const],
      ['admitted', 'a', 1, 30],
    ]);
    expect((await found(twice)).violations).to.deep.equal({ twice: 1 });
    const paused = await (await new Log().steer(0, { paused: true, draining: true })).moves([
      ...[['enrolled', 'a', 1, 10] as const, ['admitted', 'a', 1, 10] as const],
    ]);
    expect((await found(paused)).violations).to.deep.equal({
      ...{ 'while-draining': 1, 'while-paused': 1 },
    });
    const number = await new Log().moves([
      ['enrolled', 'a', 9, 0],
      ['enrolled', 'b', 8, 10],
    ]);
    expect((await found(number)).violations).to.deep.equal({ 'wrong-number': 1 });
  });

  it('names what else departs from the plain order', async () => {
    const log = await new Log().moves([
      ...[['enrolled', 'a', 1, 0] as const, ['admitted', 'a', 1, 0] as const],
      ...[['unclaimed', 'a', 1, 30] as const, ['enrolled', 'b', 2, 40] as const],
      ...[['cleared', '', 0, 50] as const, ['admitted', 'x', 3, 60] as const],
      ['ended', 'y', 4, 70],
    ]);
    expect(await found(log)).to.deep.equal({
      violations: {},
      exceptions: {
        ...{ unclaimed: 1, cleared: 2, 'enrolment-not-in-log': 2, 'admission-not-in-log': 1 },
      },
    });
  });

  it('judges each room by itself, and a period with what was known before it', async () => {
    const log = await new Log().moves([
      ...[['enrolled', 'a', 1, 0] as const, ['admitted', 'a', 1, 0] as const],
      ...[['enrolled', 'b', 2, 0] as const, ['admitted', 'b', 2, 0] as const],
    ]);
    await log.moves(
      [
        ['enrolled', 'c', 1, 1],
        ['admitted', 'c', 1, 1],
      ],
      'gala',
    );
    expect((await audit(log)).rooms.map(({ room }) => room)).to.deep.equal(['', 'gala']);
    await log.moves([
      ['enrolled', 'd', 3, 100],
      ['admitted', 'd', 3, 100],
    ]);
    const late = { fromMs: startMs + 90_000 };
    expect((await found(log, late)).violations).to.deep.equal({ 'over-limit': 1 });
    expect((await found(log, { untilMs: startMs + 90_000 })).violations).to.deep.equal({});
    expect((await found(log, { fromMs: startMs + 110_000 })).violations).to.deep.equal({});
  });

  it('tells every stay, as a line of CSV', async () => {
    const log = await new Log().moves([
      ...[['enrolled', 'a', 1, 0] as const, ['admitted', 'a', 1, 90] as const],
      ...[['ended', 'a', 1, 99] as const, ['enrolled', 'b', 2, 100] as const],
    ]);
    const stays: Stay[] = [];
    await audit(log, { onStays: async (some) => void stays.push(...some) });
    expect(stays.map(csvLine)).to.deep.equal([
      ',a,1,2030-01-01T10:00:00.000Z,2030-01-01T10:01:30.000Z,2030-01-01T10:01:39.000Z,90.000,ended,',
      ',b,2,2030-01-01T10:01:40.000Z,,,,waiting,',
    ]);
  });

  it('proves a simulated sale of which many leave', async function () {
    this.timeout(30_000);
    const crowd = {
      ...{ users: 600, arriveWithinMs: 10_000, journeyMs: 20_000, vanishAdmitted: 0.05 },
      ...{ leaveWaiting: 0.3, leaveWithinMs: 200_000 },
    };
    const moves: QueueMove[] = [];
    await runSale(crowd, 300_000, { onMove: (move) => moves.push(move) });
    const logOf = async (all: readonly QueueMove[]) => {
      const log = new Log();
      for (let at = 0; at < all.length; at += 50) {
        const seconds = all
          .slice(at, at + 50)
          .map(([kind, user, number, ms]) => [kind, user, number, (ms - startMs) / 1_000] as const);
        await log.moves(seconds);
      }
      return log;
    };
    const ofSale = { settings: { ...settings, places: saleSettings.admittedMax } };
    const fair = await found(await logOf(moves), ofSale);
    expect(fair.violations).to.deep.equal({});
    expect(fair.exceptions).to.have.keys('away', 'unclaimed');
  });
});
