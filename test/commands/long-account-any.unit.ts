import { expect } from 'chai';
import fc from 'fast-check';
import { takeSnapshot } from '../../src/commands/account/snapshot.ts';
import type { AccountEvent } from '../../src/events/events.ts';
import { dayMs } from './support/account-log.ts';
import { AccountWalk, type HistoryStep } from './support/account-walk.ts';

describe('any long account, with small pages', function () {
  this.timeout(120_000);

  const happens = [
    ...['charge', 'charge', 'hold', 'hold', 'capture', 'release', 'refund', 'restart', 'burst'],
  ];
  const stepOf = (what: readonly string[]): fc.Arbitrary<HistoryStep> =>
    fc.tuple(
      fc.constantFrom(...what),
      fc.nat(8),
      fc.nat(1),
      fc.oneof(
        { weight: 20, arbitrary: fc.nat(60_000) },
        { weight: 1, arbitrary: fc.constant(3 * dayMs) },
      ),
      fc.boolean(),
    );

  const histories = (of: typeof takeSnapshot, proven = true, what: readonly string[] = happens) =>
    fc.asyncProperty(
      fc.array(stepOf(what), { minLength: 20, maxLength: 80 }),
      fc.constantFrom(0, 0, 0, 3, 700, 1_300),
      fc.integer({ min: 1, max: 9 }),
      async (steps, fill, everyEvents) => {
        const walk = await AccountWalk.on({ fill, of, everyEvents, proven });
        await walk.agrees(steps);
      },
    );
  const numRuns = Number(process.env.LONG_RUNS || 150);

  it('decides as the fold of all its events does, with restarts and two writers, and verify agrees', () =>
    fc.assert(histories(takeSnapshot), { numRuns }));

  it('does so when events are skipped that a newer version may have gone on from', () =>
    fc.assert(histories(takeSnapshot, true, [...happens, 'skip']), { numRuns }));

  it('does so when pages are written whose totals never come', () => {
    let calls = 0;
    const withoutTotals: typeof takeSnapshot = (state, bounds) => {
      calls += 1;
      const events = takeSnapshot(state, bounds);
      return calls % 3 === 0 ? events.filter(({ type }) => type !== 'AccountTotalled') : events;
    };
    return fc.assert(histories(withoutTotals), { numRuns: numRuns / 3 });
  });

  for (const [what, spoil] of [
    ['entries', (data: Data) => ({ ...data, entries: '' })],
    ['refunds', (data: Data) => ({ ...data, refunds: '' })],
  ] as const) {
    it(`negative control: pages without their ${what} are noticed`, async () => {
      const spoilt: typeof takeSnapshot = (state, bounds) =>
        takeSnapshot(state, bounds).map((event) =>
          event.type === 'AccountIndexed' ? { ...event, data: spoil(event.data) } : event,
        );
      for (const proven of [true, false]) {
        const { failed } = await fc.check(histories(spoilt, proven), {
          numRuns: 5_000,
          endOnFailure: true,
        });
        expect(failed, proven ? 'by verify' : 'by what is answered').to.equal(true);
      }
    });
  }
});

type Data = Extract<AccountEvent, { type: 'AccountIndexed' }>['data'];
