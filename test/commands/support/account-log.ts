import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { type AccountCommand, accountDecider } from '../../../src/commands/account/decider.ts';
import type { AccountState } from '../../../src/commands/account/evolve.ts';
import { type SnapshotBounds, takeSnapshot } from '../../../src/commands/account/snapshot.ts';
import { skipEvent } from '../../../src/commands/skipping/skip-event.ts';
import { decode, type RecordedEvent } from '../../../src/events/codec.ts';
import type { AccountEvent } from '../../../src/events/events.ts';
import { Findings, type LogEvent } from '../../../src/verify/finding.ts';
import { LogProof } from '../../../src/verify/log-proof.ts';
import { Skipped, skipIn } from '../../../src/verify/skips.ts';
import { CountingLog } from '../../support/counting-log.ts';
import { balanceCharged, currency } from '../../support/events.ts';
import type { MemoryEventStore } from '../../support/memory-event-store.ts';

export const stream = 'account-u1';
export const context = { commandId: 'test' };
export const start = Date.UTC(2027, 0, 1);
export { currency };
export const dayMs = 86_400_000;
/** When money is held, and until when. */
export const holdTimes = {
  at: new Date(start).toISOString(),
  holdExpiresAt: new Date(start + 300_000).toISOString(),
};

/** An account with a few entries is a long one by these. */
export const small: SnapshotBounds = {
  entriesMax: 5,
  bytesMax: 640 * 1024,
  pages: { entriesMax: 40, smallMax: 5, fanOut: 2 },
};

export const deciderOf = (bounds: SnapshotBounds, everyEvents: number): typeof accountDecider => ({
  ...accountDecider,
  snapshot: {
    ...accountDecider.snapshot,
    everyEvents,
    of: (state) => takeSnapshot(state, bounds),
  },
});

export const charge = (chargeId: string, amount: number, nowMs: number): AccountCommand => ({
  type: 'ChargeBalance',
  ...{ chargeId, amount, currency, nowMs },
});

export class AccountLog extends CountingLog {
  typed(type: string) {
    return this.log.filter((event) => event.type === type);
  }

  async withCharges(count: number): Promise<this> {
    await this.fill(charges(count));
    return this;
  }

  /** Writes what no handler decided, 1,000 events at a time. */
  async fill(events: readonly AccountEvent[], schemaVersion = 1): Promise<void> {
    for (let at = 0; at < events.length; at += 1_000) {
      const before = this.log.findLast((one) => one.stream === stream)?.revision ?? 'no_stream';
      const some = events.slice(at, at + 1_000).map((event) => ({
        id: randomUUID(),
        event,
        metadata: { schemaVersion },
      }));
      expect((await this.append(stream, before, some)).ok).to.equal(true);
    }
  }
}

const chargedLogs = new Map<number, Promise<AccountLog>>();

/** The states after each event of such a log, by its first event. */
const chargedStates = new WeakMap<RecordedEvent, readonly AccountState[]>();

/** A log that begins with so many charges. Those are built and folded once, and shared. */
export async function chargedLog(count: number): Promise<AccountLog> {
  const known = chargedLogs.get(count);
  const filled = known ?? new AccountLog().withCharges(count);
  if (known === undefined) chargedLogs.set(count, filled);
  const shared = await filled;
  const [first] = shared.log;
  if (first !== undefined && !chargedStates.has(first)) {
    const states: AccountState[] = [];
    for (const event of shared.log) {
      const fact = decode(event) as AccountEvent;
      states.push(accountDecider.evolve(states.at(-1) ?? accountDecider.initial, fact));
    }
    chargedStates.set(first, states);
  }
  const log = new AccountLog();
  log.beginAs(shared);
  return log;
}

/** Puts the stream's event at a revision, or the last one, out of effect. */
export async function skip(log: MemoryEventStore, revision?: number): Promise<void> {
  const event = log.log.findLast(
    (one) => one.stream === stream && (revision === undefined || one.revision === BigInt(revision)),
  );
  if (event === undefined) throw new Error('there is no such event');
  const named = { stream, revision: event.revision, id: event.id };
  expect(await skipEvent(log, named, { reason: 'test', nowMs: start })).to.equal(true);
}

export const charges = (count: number, prefix = 'old'): AccountEvent[] =>
  Array.from({ length: count }, (_, n) =>
    balanceCharged(`${prefix}${n}`, 100, 100 * (n + 1), { at: holdTimes.at }),
  );

export const restated = (event: AccountEvent, balance: number): AccountEvent =>
  event.type === 'BalanceCharged' ? { ...event, data: { ...event.data, balance } } : event;

/**
 * Says what the log's events make when each is read, and none of them is believed to sum up others.
 */
export function plainOf({ log }: MemoryEventStore): () => AccountState {
  const [first] = log;
  /** After each event of the log. */
  const states = [...((first && chargedStates.get(first)) ?? [])];
  const skipped = new Set<string>();
  const isFact = ({ stream: of, id, type }: RecordedEvent): boolean =>
    of === stream && !skipped.has(id) && !type.startsWith('Account') && type !== 'EventSkipped';
  return () => {
    for (const { type, data } of log.slice(states.length)) {
      if (type !== 'EventSkipped') continue;
      const { eventId } = data as { eventId: string };
      skipped.add(eventId);
      // The states from that event on are wrong.
      const from = log.findIndex(({ id }) => id === eventId);
      states.length = Math.min(states.length, from);
    }
    for (let read = states.length; read < log.length; read += 1) {
      const event = log[read] as RecordedEvent;
      const before = states[read - 1] ?? accountDecider.initial;
      if (!isFact(event)) {
        states.push(before);
        continue;
      }
      states.push(accountDecider.evolve(before, decode(event) as AccountEvent));
    }
    return states.at(-1) ?? accountDecider.initial;
  };
}

/** What logs share at their beginning has its form for `reprise verify` once. */
const seenAs = new WeakMap<RecordedEvent, LogEvent>();

function inLog(event: RecordedEvent): LogEvent {
  const known = seenAs.get(event);
  if (known !== undefined) return known;
  const { schemaVersion: version } = event.metadata as { schemaVersion: number };
  const made: LogEvent = { ...event, data: event.data as never, version };
  seenAs.set(event, made);
  return made;
}

/** What `reprise verify` says of an account whose payments are for nothing that the log has. */
export function proof({ log }: MemoryEventStore): string[] {
  const findings = new Findings(100_000);
  const events = log.map(inLog);
  const skips = events.filter(({ type }) => type === 'SkipAnnounced').map(skipIn);
  const seen = new LogProof(findings, new Skipped(skips));
  for (const event of events) seen.see(event);
  const forNothing = ['orphan-charge', 'capture-without-sale', 'released-but-sold'];
  // What a newer version said of the balance has what was skipped in it.
  if (skips.length > 0) forNothing.push('wrong-balance');
  return findings.kept
    .filter(({ code }) => !forNothing.includes(code))
    .map(({ code, revision, detail }) => `${code} ${revision}: ${detail}`);
}
