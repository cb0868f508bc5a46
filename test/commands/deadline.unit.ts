import { expect } from 'chai';
import { Accounts } from '../../src/commands/account/accounts.ts';
import { appendMsMin } from '../../src/commands/core/deadline.ts';
import { type EventStore, EventStoreUnavailable } from '../../src/commands/core/event-store.ts';
import { IdempotencyKeys } from '../../src/commands/idempotency/idempotency-keys.ts';
import { MemoryEventStore } from '../support/memory-event-store.ts';
import { StoppedClock } from '../support/stopped-clock.ts';

/**
 * A log that notes how long each append was given, and keeps the first one waiting until it is let
 * go.
 */
class NotingEventStore extends MemoryEventStore {
  readonly timeouts: (number | undefined)[] = [];
  letGo = () => {};
  readonly #gate = new Promise<void>((resolve) => {
    this.letGo = resolve;
  });

  override async append(...args: Parameters<EventStore['append']>) {
    const [stream, expected, events, options] = args;
    this.timeouts.push(options?.timeoutMs);
    if (this.timeouts.length === 1) await this.#gate;
    return super.append(stream, expected, events);
  }
}

const charge = (accounts: Accounts, chargeId: string, leftMs?: number) =>
  accounts.charge(
    'u1',
    { chargeId, amount: 1, currency: 'KRW', nowMs: 0 },
    leftMs === undefined
      ? { commandId: chargeId }
      : { commandId: chargeId, deadlineMs: performance.now() + leftMs },
  );

describe('the deadline of commands that wait for one stream', () => {
  let clock: StoppedClock;
  beforeEach(() => {
    clock = new StoppedClock();
  });
  afterEach(() => clock.restore());

  it('ends those whose time is over and no others; an append has the time of the first to end', async () => {
    const store = new NotingEventStore();
    const accounts = new Accounts(store);
    const first = charge(accounts, 'first');
    const gathered = [
      charge(accounts, 'late', appendMsMin - 1),
      charge(accounts, 'in-time', appendMsMin + 2_000),
      charge(accounts, 'has-more', appendMsMin + 9_000),
      charge(accounts, 'has-all-the-time'),
    ].map((charged) =>
      charged.then(
        ({ ok }) => ok,
        (error) => error,
      ),
    );
    store.letGo();
    expect((await first).ok).to.equal(true);
    const [late, ...others] = await Promise.all(gathered);
    expect(late).to.be.instanceOf(EventStoreUnavailable);
    expect(others).to.deep.equal([true, true, true]);
    expect(await accounts.balance('u1')).to.equal(4);
    const [forFirst, forOthers] = store.timeouts;
    expect(forFirst, 'without a deadline the store has its own time').to.equal(undefined);
    expect(forOthers).to.equal(appendMsMin + 2_000);
  });

  it('does not keep a request that came to its end without an answer from freeing its key', async () => {
    const answers = new IdempotencyKeys(new MemoryEventStore(), () => 0);
    const request = { keyHash: 'k', fingerprint: 'f', context: { commandId: 'c' } };
    await answers.start(request);
    const over = { ...request.context, deadlineMs: performance.now() - 1 };
    await answers.abandon({ ...request, context: over }, 0);
    expect(await answers.start(request)).to.have.nested.property('value.status', 'started');
  });

  it('is not stored', async () => {
    const store = new MemoryEventStore();
    await charge(new Accounts(store), 'c', 60_000);
    expect(store.log.map(({ metadata }) => metadata)).to.deep.equal([
      { schemaVersion: 1, command: 'ChargeBalance', commandId: 'c' },
    ]);
  });
});
