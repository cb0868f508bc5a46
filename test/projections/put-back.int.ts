import { cp, rm } from 'node:fs/promises';
import { expect } from 'chai';
import type { EventStore } from '../../src/commands/core/event-store.ts';
import { connectEventStore } from '../../src/infrastructure/eventstoredb.ts';
import { connectPostgres } from '../../src/infrastructure/postgres.ts';
import { ReadSideUnavailable } from '../../src/queries/read-side.ts';
import { EmbeddedServer } from '../conformance/support/own-server.ts';
import { catalogOf, salesOn } from '../correctness/support/sale.ts';
import { eventually } from '../support/eventually.ts';
import { wholeLog } from './support/append-history.ts';
import { type Instance, startInstance, stopInstances } from './support/engines.ts';
import { type ReadModels, readModels, rowsFromScratch, tableRows } from './support/read-models.ts';
import { rebuildOn } from './support/repairs.ts';

/** A backup that is restored: the log is what it was an hour ago, and the service runs on. */
describe('a log that was put back to an older copy under the running service', function () {
  this.timeout(120_000);
  let server: EmbeddedServer;
  let copy: string;
  let store: EventStore;
  let models: ReadModels;
  let instance: Instance;
  let commands = 0;

  beforeEach(async () => {
    models = await readModels();
    server = await EmbeddedServer.start();
    copy = `${server.directory}-copy`;
    store = connectEventStore(server.url);
    instance = startInstance(models.url, store);
  });

  afterEach(async () => {
    await stopInstances();
    await store.close();
    await server.dispose();
    await models.close();
    await rm(copy, { recursive: true, force: true });
  });

  const context = () => {
    commands += 1;
    return { commandId: `command-${commands}` };
  };
  const service = () => {
    const sales = salesOn(store, catalogOf(['s'], 4), {});
    return {
      charge: (userId: string, amount: number) =>
        sales.charge({ userId, chargeId: `${userId}-${amount}`, amount, context: context() }),
      reserve: (userId: string, seatId: string) =>
        sales.reserve({
          concertId: 'c1',
          sessionId: 's',
          seatIds: [seatId],
          userId,
          context: context(),
        }),
      pay: (userId: string, reservationId: string) =>
        sales.pay({ userId, reservationId, context: context() }),
    };
  };
  const shown = async () => {
    const position = (await wholeLog(store)).at(-1)?.position ?? 0n;
    expect(await instance.projector.reached(position, 20_000)).to.equal(true);
  };
  const swapFiles = async (work: () => Promise<void>) => {
    await server.stop();
    await work();
    await server.start();
  };
  const keepCopy = () => swapFiles(() => cp(server.directory, copy, { recursive: true }));
  const putBack = () =>
    swapFiles(async () => {
      await rm(server.directory, { recursive: true });
      await cp(copy, server.directory, { recursive: true });
    });

  it('is never shown as fresh, sells by what the log has, and a rebuild repairs the tables meanwhile', async () => {
    const { charge, reserve, pay } = service();
    for (const user of ['a', 'b', 'c'])
      expect(await charge(user, 1_000_000)).to.include({ ok: true });
    const first = await reserve('a', 'A-1-1');
    if (!first.ok) throw new Error(first.refusal.detail);
    await shown();
    await keepCopy();
    // All of this is remembered in memory, and will be gone.
    expect(await pay('a', first.value.reservationId)).to.include({ ok: true });
    const lost = await reserve('b', 'A-1-2');
    if (!lost.ok) throw new Error(lost.refusal.detail);
    expect(await pay('b', lost.value.reservationId)).to.include({ ok: true });
    await charge('c', 5);
    await shown();
    await putBack();

    const sinceMs = performance.now();
    await eventually('it is seen', () => instance.projector.status().state === 'other-log');
    expect(performance.now() - sinceMs).to.be.lessThan(10_000);
    const refusal = await instance.readSide.balance('b').catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(ReadSideUnavailable);

    // The log has neither the payment nor the second seat, and what it has decides.
    const again = await reserve('c', 'A-1-2');
    if (!again.ok) throw new Error(again.refusal.detail);
    const gone = await pay('b', lost.value.reservationId);
    expect(gone.ok).to.equal(false);
    expect(await pay('c', again.value.reservationId)).to.include({ ok: true });
    expect(await pay('a', first.value.reservationId)).to.include({ ok: true });

    const postgres = connectPostgres(models.url, { statementTimeoutMs: 60_000 });
    const { isOtherLog, swapped } = await rebuildOn(postgres, store);
    await postgres.close();
    expect({ isOtherLog, swapped }).to.deep.equal({ isOtherLog: true, swapped: true });
    await eventually('it is live again', () => instance.projector.status().state === 'live');
    await shown();
    expect(await tableRows(models.db)).to.deep.equal(rowsFromScratch(await wholeLog(store)));
    expect((await instance.readSide.balance('b')).balance).to.equal(1_000_000);
  });

  it('heals by itself when the right log comes back', async () => {
    const { charge } = service();
    await charge('a', 1);
    await shown();
    await keepCopy();
    await charge('a', 2);
    await shown();
    const right = `${copy}-right`;
    try {
      await swapFiles(() => cp(server.directory, right, { recursive: true }));
      await putBack();
      await eventually('it is seen', () => instance.projector.status().state === 'other-log');
      await swapFiles(async () => {
        await rm(server.directory, { recursive: true });
        await cp(right, server.directory, { recursive: true });
      });
      await eventually('it is live again', () => instance.projector.status().state === 'live');
      expect((await instance.readSide.balance('a')).balance).to.equal(3);
    } finally {
      await rm(right, { recursive: true, force: true });
    }
  });
});
