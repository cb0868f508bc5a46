import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import express from 'express';
import fc from 'fast-check';
import { bornRequests } from '../../src/http/born-requests.ts';
import { chargeId, commandId } from '../../src/http/idempotency.ts';
import { KeyBudget } from '../../src/http/key-budget.ts';
import { createReadiness } from '../../src/http/readiness.ts';
import { Sampler } from '../../src/http/sampler.ts';
import { InProcessOwnPositions } from '../../src/shared-state/in-process-own-positions.ts';
import { type FakeApi, fakeApi } from './support/fake-api.ts';

describe('own positions in one process', () => {
  it('keep the newest of each user', async () => {
    const own = new InProcessOwnPositions();
    for (const [userId, position] of [
      ['a', 5n],
      ['a', 3n],
      ['b', 1n],
    ] as const) {
      await own.note(userId, position);
    }
    const known = await Promise.all(['a', 'b', 'c'].map((userId) => own.of(userId)));
    expect(known).to.deep.equal([5n, 1n, undefined]);
  });

  it('forget the user who did nothing for longest, at their bound', async () => {
    const own = new InProcessOwnPositions(null, 2);
    for (const [userId, position] of [
      ['a', 1n],
      ['b', 2n],
      ['a', 3n],
      ['c', 4n],
    ] as const) {
      await own.note(userId, position);
    }
    const known = await Promise.all(['a', 'b', 'c'].map((userId) => own.of(userId)));
    expect(known).to.deep.equal([3n, undefined, 4n]);
  });

  it('take anybody’s last command to be where the log ended when they began', async () => {
    const own = new InProcessOwnPositions(9n);
    expect(await own.of('a')).to.equal(9n);
  });
});

describe('ids from idempotency keys', () => {
  const id = fc.string({ minLength: 1, maxLength: 64 }).filter((text) => !text.includes('\n'));

  it('are well-formed UUIDs, the same for the same user, route and key', () => {
    fc.assert(
      fc.property(id, id, id, (route, user, key) => {
        const made = commandId(route, user, key);
        expect(made).to.match(
          /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
        expect(commandId(route, user, key)).to.equal(made);
      }),
    );
  });

  it('differ when user, route or key does, also when their texts run together', () => {
    const ids = [
      commandId('pay', 'ab', 'c'),
      commandId('pay', 'a', 'bc'),
      commandId('pay', 'abc', ''),
      commandId('reserve', 'ab', 'c'),
      commandId('pay', 'ab', undefined),
      commandId('pay', 'ab', undefined),
    ];
    expect(new Set(ids).size).to.equal(ids.length);
    expect(chargeId('ab', 'c')).to.not.equal(chargeId('a', 'bc'));
  });
});

describe('readiness', () => {
  it('shares one round of probes between simultaneous callers, and asks again afterwards', async () => {
    let probed = 0;
    const probe = async () => {
      probed++;
      return true;
    };
    const readiness = createReadiness({ ...fakeApi(), probes: { probe } });
    await Promise.all([readiness(), readiness(), readiness()]);
    expect(probed).to.equal(1);
    await readiness();
    expect(probed).to.equal(2);
  });
});

describe('what is ready', () => {
  const of = async (change: (fake: FakeApi) => void, isDraining = false) => {
    const fake = fakeApi();
    change(fake);
    return (await createReadiness(fake, () => isDraining)()).state;
  };
  const without = (name: string) => (fake: FakeApi) => {
    Object.assign(fake.probes, { [name]: async () => false });
  };

  it('is who can sell: without PostgreSQL too, and not without the others', async () => {
    expect(await of(() => {})).to.equal('ready');
    expect(await of(without('postgres'))).to.equal('degraded');
    for (const name of ['eventStore', 'queue'])
      expect(await of(without(name))).to.equal('not-ready');
    expect(await of(without('postgres'), true)).to.equal('draining');
  });

  it('is who keeps up, or was kept from it by PostgreSQL a moment ago', async () => {
    const stalled = (fake: FakeApi) => Object.assign(fake.reads, { stalledSeconds: 31 });
    expect(await of(stalled)).to.equal('not-ready');
    const fake = fakeApi();
    stalled(fake);
    let isUp = false;
    Object.assign(fake.probes, { postgres: async () => isUp });
    const readiness = createReadiness(fake);
    expect((await readiness()).state).to.equal('degraded');
    isUp = true;
    expect((await readiness()).state, 'back, and behind').to.equal('ready');
  });

  it('is nobody who was never live', async () => {
    const building = (fake: FakeApi) => Object.assign(fake.reads, { state: 'building' });
    expect(await of(building)).to.equal('not-ready');
    expect(
      await of((fake) => {
        building(fake);
        without('postgres')(fake);
      }),
    ).to.equal('not-ready');
  });
});

describe('the budget of keys', () => {
  it('is each user’s own, and new with each hour', () => {
    let nowMs = 3_600_000 * 10 + 60_000;
    const budget = new KeyBudget(2, () => nowMs);
    expect(['a', 'a', 'a', 'b'].map((user) => budget.take(user))).to.deep.equal([
      true,
      true,
      false,
      true,
    ]);
    expect(budget.secondsLeft()).to.equal(3_540);
    budget.giveBack('a');
    expect([budget.take('a'), budget.take('a')]).to.deep.equal([true, false]);
    nowMs += 3_540_000;
    expect(budget.take('a')).to.equal(true);
  });
});

describe('what happens often', () => {
  it('is told once, and then with how often it was', async () => {
    const sampler = new Sampler(50);
    expect([1, 2, 3].map(() => sampler.count('a'))).to.deep.equal([1, undefined, undefined]);
    expect(sampler.count('b')).to.equal(1);
    await sleep(60);
    expect(sampler.count('a')).to.equal(3);
  });
});

describe('born requests', () => {
  it('have the app’s prototypes before Express sets them, on Node before 24', () => {
    const app = express();
    const original = { request: app.request, response: app.response };
    const classes = bornRequests(app, 20);
    const req = new (classes.IncomingMessage ?? IncomingMessage)(new Socket());
    const res = new (classes.ServerResponse ?? ServerResponse)(req);
    expect(Object.getPrototypeOf(req)).to.equal(app.request);
    expect(Object.getPrototypeOf(res)).to.equal(app.response);
    expect(original.request).to.satisfy((proto: object) =>
      Object.prototype.isPrototypeOf.call(proto, req),
    );
    expect(original.response).to.satisfy((proto: object) =>
      Object.prototype.isPrototypeOf.call(proto, res),
    );
    expect(req).to.be.instanceOf(IncomingMessage);
    expect(res).to.be.instanceOf(ServerResponse);
  });

  it('leave Express as it comes from Node 24 on', () => {
    const app = express();
    const { request, response } = app;
    expect(bornRequests(app, 24)).to.deep.equal({});
    expect([app.request, app.response]).to.deep.equal([request, response]);
  });
});
