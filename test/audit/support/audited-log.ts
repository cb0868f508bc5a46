import { randomUUID } from 'node:crypto';
import type { LogMessage } from '../../../src/commands/core/event-store.ts';
import { type EventData, eventSchemas } from '../../../src/events/events.ts';
import { queueLineStream, steeringStream } from '../../../src/events/streams.ts';
import { versionOf } from '../../../src/events/upcasters.ts';
import type { QueueMove } from '../../../src/queue/queue-log.ts';
import { MemoryEventStore } from '../../support/memory-event-store.ts';

export const startMs = Date.UTC(2030, 0, 1, 10);
export const settings = { places: 2, lifeMsMax: 960_000, askMsMax: 27_000 };

/** The queue's streams of a log with these moves, each at a second. */
export class Log {
  readonly store = new MemoryEventStore();
  readonly #revisions = new Map<string, bigint>();

  async moves(moves: readonly (readonly [QueueMove[0], string, number, number])[], room = '') {
    for (const [kind, user, number, second] of moves) {
      const atMs = startMs + second * 1_000;
      const move: QueueMove = [kind, user, number, atMs];
      await this.#append(queueLineStream(atMs, room), 'QueueMoved', { moves: [move] }, atMs);
    }
    return this;
  }

  async steer(second: number, step: Partial<EventData['QueueSteered']>) {
    const data = eventSchemas.QueueSteered.parse({
      ...{ admittedMax: null, perMinute: null, paused: false, draining: false, cleared: false },
      ...{ lot: null, by: 'operator', reason: 'a test' },
      ...{ at: new Date(startMs + second * 1_000).toISOString(), ...step },
    });
    await this.#append(steeringStream, 'QueueSteered', data, startMs + second * 1_000);
    return this;
  }

  async draw(second: number, draw: Omit<EventData['QueueDrawn'], 'at'>) {
    const atMs = startMs + second * 1_000;
    const data = eventSchemas.QueueDrawn.parse({ ...draw, at: new Date(atMs).toISOString() });
    await this.#append(steeringStream, 'QueueDrawn', data, atMs);
    return this;
  }

  async *subscribe(): AsyncGenerator<LogMessage> {
    for (const event of this.store.log) yield { kind: 'event', event };
    yield { kind: 'caught-up' };
  }

  async #append<T extends 'QueueMoved' | 'QueueSteered' | 'QueueDrawn'>(
    stream: string,
    type: T,
    data: EventData[T],
    atMs: number,
  ) {
    const metadata = { schemaVersion: versionOf(type), command: 'Test' };
    const recordedAt = new Date(atMs).toISOString();
    const event = { type, data } as never;
    const appended = await this.store.append(stream, this.#revisions.get(stream) ?? 'no_stream', [
      { id: randomUUID(), event, metadata: { ...metadata, recordedAt } },
    ]);
    if (appended.ok) this.#revisions.set(stream, appended.revision);
    // The store in memory has its own clock; the audit goes by when the log took a step.
    Object.assign(this.store.log.at(-1) as object, { createdMs: atMs });
  }
}
