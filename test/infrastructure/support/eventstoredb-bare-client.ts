import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { fail, startStub, status, success } from './eventstoredb-stub.ts';

/**
 * What the wrapper stands between: the client's own `appendToStream` while a stream breaks, every
 * append caught by its caller. A process of its own, because it does not survive. Prints `survived`
 * if it does.
 */
const append = (client: EventStoreDBClient, stream: string, data: string): Promise<string> =>
  client
    .appendToStream(stream, jsonEvent({ type: 'BalanceCharged', data }), {
      expectedRevision: 'no_stream',
    })
    .then(
      () => 'appended',
      () => 'caught',
    );

const cases: Record<string, () => Promise<unknown>> = {
  /** A stream to one server breaks while an append to another server waits for its answer. */
  async 'other-stream'() {
    const held: (() => void)[] = [];
    const good = await startStub({
      append: (call, request) => held.push(() => call.write(success(request, 0, 1))),
    });
    const bad = await startStub({ append: (call) => fail(call, status(14)) });
    const pending = append(EventStoreDBClient.connectionString(good.url), 'account-1', 'x');
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await append(EventStoreDBClient.connectionString(bad.url), 'account-2', 'x');
    for (const answer of held) answer();
    await pending;
  },
  /** A stream breaks under 200 appends of 16 KB. */
  async 'large-appends'() {
    const stub = await startStub({ append: (call) => fail(call, status(14)) });
    const client = EventStoreDBClient.connectionString(stub.url);
    const data = 'x'.repeat(16 * 1024);
    await Promise.all(Array.from({ length: 200 }, (_, n) => append(client, `account-${n}`, data)));
  },
};

await cases[process.argv[2] ?? '']?.();
await new Promise((resolve) => setTimeout(resolve, 200));
console.log('survived');
process.exit(0);
