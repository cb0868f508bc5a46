import { expect } from 'chai';
import { accountDecider } from '../../src/commands/account/decider.ts';
import { CommandHandler } from '../../src/commands/core/command-handler.ts';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { skipEvent } from '../../src/commands/skipping/skip-event.ts';
import type { RecordedEvent } from '../../src/events/codec.ts';
import { type Data, Findings } from '../../src/verify/finding.ts';
import { LogProof } from '../../src/verify/log-proof.ts';
import { Skipped, skipIn } from '../../src/verify/skips.ts';
import { concertRegistered, sessionScheduled } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';
import { catalogOf, holdMs, salesOn } from './support/sale.ts';

const startMs = Date.parse('2026-01-01T00:00:00.000Z');
const context = { commandId: 'test' };

/**
 * What becomes of money and seats when one of a sale's events is skipped, and the processes do what
 * is left.
 */
describe('a sale of which an event was skipped', () => {
  let log: MemoryEventStore;
  let nowMs: number;
  /** Events of this type are as a version wrote them that nobody has. */
  let lost: string;
  const catalog = catalogOf(['s1'], 4);

  const toLogEvent = ({ data, metadata, ...event }: RecordedEvent) => ({
    ...event,
    data: data as Data,
    version: (metadata as { schemaVersion: unknown }).schemaVersion,
  });
  const sales = () => {
    const store: EventStore = {
      epoch: 0,
      append: (stream, expected, events) =>
        log.append(
          stream,
          expected,
          events.map((one) =>
            one.event.type === lost ? { ...one, metadata: { schemaVersion: 99 } } : one,
          ),
        ),
      readStream: (...args) => log.readStream(...args),
      readBackwards: (...args) => log.readBackwards(...args),
      subscribe: () => log.subscribe(),
      head: () => log.head(),
      reachable: () => log.reachable(),
      close: () => log.close(),
    };
    return salesOn(store, catalog, { now: () => nowMs });
  };
  const has = (type: string) => log.log.find((event) => event.type === type);
  const skip = async () => {
    const { stream, revision, id } = await eventually(lost, () => has(lost));
    await skipEvent(log, { stream, revision, id }, { reason: 'r', nowMs });
    lost = '';
  };
  const buy = async (...seatIds: string[]): Promise<string> => {
    const service = sales();
    const buyer = { userId: 'u1', context };
    await service.charge({ ...buyer, chargeId: 'c', amount: 1_000 });
    const asked = { concertId: 'c1', sessionId: 's1', seatIds, ...buyer };
    const reserved = await service.reserve(asked);
    if (!reserved.ok) throw new Error(reserved.refusal.detail);
    const { reservationId } = reserved.value;
    await service.pay({ ...buyer, reservationId }).catch(() => {});
    return reservationId;
  };
  const money = async () => {
    const accounts = new CommandHandler(log, accountDecider);
    const { balance, held } = await accounts.state('account-u1', { fresh: true });
    return { balance, held };
  };
  const violations = () => {
    const findings = new Findings(100);
    const skips = log.log.filter(({ type }) => type === 'SkipAnnounced').map(toLogEvent);
    const proof = new LogProof(findings, new Skipped(skips.map(skipIn)));
    const [first, ...seats] = [
      concertRegistered('One'),
      sessionScheduled({
        sessionId: 's1',
        startsAt: '2099-01-01T00:00:00.000Z',
        salesOpenAt: '2020-01-01T00:00:00.000Z',
        sections: [{ section: 'A', price: 100, rows: [{ row: '1', seats: [1, 2, 3, 4] }] }],
      }),
    ];
    const common = { stream: 'concert-c1', position: 0n, createdMs: 0, version: 1, id: 'e' };
    for (const [n, event] of [first, ...seats].entries()) {
      proof.see({ ...common, ...(event as { type: string; data: Data }), revision: BigInt(n) });
    }
    for (const event of log.log) proof.see(toLogEvent(event));
    proof.conclude(-1, 0);
    return [...findings.counts.keys()];
  };

  beforeEach(() => {
    log = new MemoryEventStore();
    nowMs = startMs;
    lost = '';
  });

  it('is captured again, once', async () => {
    lost = 'PaymentCaptured';
    const reservationId = await buy('A-1-1');
    await skip();
    expect(await money()).to.deep.equal({ balance: 900, held: 100 });
    for (let n = 0; n < 2; n += 1) await sales().settlePayment({ userId: 'u1', reservationId });
    expect(await money()).to.deep.equal({ balance: 900, held: 0 });
    expect(violations()).to.deep.equal([]);
  });

  it('is refunded again, once', async () => {
    const reservationId = await buy('A-1-1');
    await eventually('captured', () => has('PaymentCaptured'));
    lost = 'PaymentRefunded';
    const cancelling = { userId: 'u1', reservationId, context };
    await sales().cancel(cancelling);
    await skip();
    expect(await money()).to.deep.equal({ balance: 900, held: 0 });
    for (let n = 0; n < 2; n += 1) await sales().cancel(cancelling);
    expect(await money()).to.deep.equal({ balance: 1_000, held: 0 });
    expect(violations()).to.deep.equal([]);
  });

  it('is settled again when it is an order’s', async () => {
    lost = 'OrderSettled';
    const reservationId = await buy('A-1-1', 'A-1-2');
    await skip();
    expect(await sales().settleOrder(reservationId)).to.equal(true);
    expect(log.log.filter(({ type }) => type === 'OrderSettled')).to.have.length(2);
    expect(await money()).to.deep.equal({ balance: 800, held: 0 });
    expect(violations()).to.deep.equal([]);
  });

  it('without its SeatSold is none: the seat is free again, and the money that was taken is told', async () => {
    lost = 'SeatSold';
    const reservationId = await buy('A-1-1');
    await eventually('captured', () => has('PaymentCaptured'));
    await skip();
    nowMs += holdMs + 120_000;
    const ended = await sales().expire(reservationId);
    expect(ended.ok && ended.value).to.equal('expired');
    expect(await money()).to.deep.equal({ balance: 900, held: 0 });
    expect(violations()).to.deep.equal(['capture-without-sale']);
    const asked = { concertId: 'c1', sessionId: 's1', seatIds: ['A-1-1'], userId: 'u2', context };
    expect((await sales().reserve(asked)).ok).to.equal(true);
  });

  it('without the charge that it was paid with leaves a balance below zero, which is told', async () => {
    lost = 'BalanceCharged';
    await buy('A-1-1');
    await skip();
    expect(violations()).to.include('negative-balance');
  });
});
