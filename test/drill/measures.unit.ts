import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { rules } from '../../src/alarm/rules.ts';
import { AnswerBook } from '../../src/drill/answer-book.ts';
import type { BuyerAnswer } from '../../src/drill/buyers.ts';
import { changesBetween } from '../../src/drill/compare-drills.ts';
import { usualBounds } from '../../src/drill/drill-form.ts';
import type { Journal, Measures } from '../../src/drill/drill-journal.ts';
import { drills, realStoreDrills, shortDrills } from '../../src/drill/drills.ts';
import { eventStoreBin } from '../../src/drill/environment.ts';
import { missedBounds } from '../../src/drill/missed-bounds.ts';
import { withoutAlarm } from '../../src/drill/without-alarm.ts';
import { jargonIn } from '../../src/incidents/report/jargon.ts';

const good: Measures = {
  ...{ detectSeconds: 1, recoverSeconds: 5, recoverAfterFaultSeconds: 5, verifiedSeconds: 12 },
  ...{ readySeconds: 1, checkFailed: [] },
  ...{ withoutPurchaseSeconds: 5, slowestSeconds: 4, requests: 100, failed: 7 },
  failedByCode: { 'event-store-unavailable': 4, 'no-answer': 3 },
  alarms: [],
  ...{ acknowledged: 50, missing: [], reconciled: 0, violations: 0 },
};
const missed = (change: Partial<Measures>, rings?: string) =>
  missedBounds(
    { ...good, ...change },
    { bounds: usualBounds, ...(rings === undefined ? {} : { rings }) },
  ).map(({ kind }) => kind);

describe('the bounds of a drill', () => {
  it('are kept by failures that an outage explains', () => {
    expect(missed({})).to.deep.equal([]);
  });

  it('are missed by a lost fact, whatever was fast', () => {
    expect(missed({ missing: ['reservation a'] })).to.deep.equal(['fact']);
    expect(missed({ violations: 1 })).to.deep.equal(['fact']);
    expect(missed({ violations: null })).to.deep.equal(['fact']);
    expect(missed({ failedByCode: { '500 internal-error': 1 } })).to.deep.equal(['fact']);
    expect(missed({ failedByCode: { '404 session-not-found': 1 } })).to.deep.equal(['fact']);
    expect(missed({ failedByCode: { '503': 1, overloaded: 1 } })).to.deep.equal([]);
    expect(missed({ verifiedSeconds: null })).to.deep.equal(['fact']);
  });

  it('are missed when reprise check says that something is not well, or was not run', () => {
    expect(missed({ checkFailed: ['journey failed: seats: 503'] })).to.deep.equal(['fact']);
    expect(missed({ checkFailed: null })).to.deep.equal(['fact']);
  });

  it('of one dead node are missed by one failed request, and by a service that is slow to be back', () => {
    const dead = { ...usualBounds, failedMax: 0, withoutPurchaseMax: 10, readyMax: 10 };
    const kinds = (change: Partial<Measures>) =>
      missedBounds({ ...good, failed: 0, ...change }, { bounds: dead }).map(({ kind }) => kind);
    expect(kinds({})).to.deep.equal([]);
    expect(kinds({ failed: 1 })).to.deep.equal(['fact']);
    expect(kinds({ readySeconds: 10.1 })).to.deep.equal(['time']);
    expect(kinds({ withoutPurchaseSeconds: 10.1 })).to.deep.equal(['time']);
  });

  it('are missed by a fact that a restore lost, even if reconcile named it', () => {
    expect(missed({ missing: ['reservation a'], reconciled: 1 })).to.deep.equal(['fact']);
    expect(missed({ missing: ['reservation a', 'payment of b'], reconciled: 1 })).to.deep.equal([
      'fact',
    ]);
  });

  it('are missed by time alone when only a time is over', () => {
    expect(missed({ verifiedSeconds: 61 })).to.deep.equal(['time']);
    expect(missed({ recoverAfterFaultSeconds: 31, slowestSeconds: 8 })).to.deep.equal([
      ...['time', 'time'],
    ]);
  });
});

describe('an alarm that must ring', () => {
  const alarm = {
    ...{ rule: 'EventsParked', severity: 'ticket', trueSeconds: 1, heldSeconds: 5 },
    ...{ waitSeconds: 0, rangSeconds: 1 },
  };

  it('is missed when only its condition was true, or when another one rang', () => {
    expect(missed({ alarms: [alarm] }, 'EventsParked')).to.deep.equal([]);
    expect(missed({ alarms: [] }, 'EventsParked')).to.deep.equal(['fact']);
    expect(missed({ alarms: [{ ...alarm, rangSeconds: null }] }, 'EventsParked')).to.deep.equal([
      'fact',
    ]);
    expect(missed({ alarms: [{ ...alarm, rule: 'SlowSale' }] }, 'EventsParked')).to.deep.equal([
      'fact',
    ]);
  });

  it('is not needed where a drill names none', () => {
    expect(missed({ alarms: [] })).to.deep.equal([]);
  });
});

describe('the answers that the buyers of a drill got', () => {
  const answer = (change: Partial<BuyerAnswer>): BuyerAnswer => ({
    ...{ call: 'pay', service: 0, status: 200, code: undefined, isGood: true },
    ...{ atMs: Date.now(), tookMs: 0, ...change },
  });
  const failed = answer({ status: 503, code: 'overloaded', isGood: false });

  it('show that all is well after three payments without a failure in between', () => {
    const book = new AnswerBook();
    book.fault();
    book.over();
    for (const one of [answer({}), answer({}), failed, answer({}), answer({})]) book.see(one);
    expect(book.wellMs).to.equal(undefined);
    book.see(answer({}));
    expect(book.wellMs).to.be.a('number');
    book.see(failed);
    expect(book.wellMs).to.equal(undefined);
  });

  it('do not while the fault lasts', () => {
    const book = new AnswerBook();
    book.fault();
    for (let n = 0; n < 5; n += 1) book.see(answer({}));
    expect(book.wellMs).to.equal(undefined);
  });

  it('of two services show the worst of both', () => {
    const book = new AnswerBook(2);
    book.fault();
    book.over();
    const atMs = Date.now();
    for (let n = 0; n < 3; n += 1) book.see(answer({ atMs: atMs + n }));
    // The second service is silent.
    expect(book.wellMs).to.equal(undefined);
    for (let n = 0; n < 3; n += 1) book.see(answer({ service: 1, atMs: atMs + 5_000 + n }));
    expect(book.wellMs).to.equal(atMs + 5_002);
    expect(book.longestWithoutSuccess).to.be.within(4.9, 5.1);
  });

  it('tell what an outage explains from what it does not', () => {
    const book = new AnswerBook();
    const bad = { isGood: false } as const;
    book.see(answer({ ...bad, status: 500, code: 'internal-error' }));
    book.see(answer({ ...bad, status: 404 }));
    book.see(answer({ ...bad, status: 503 }));
    expect(book.samples.map(({ byCode }) => byCode)).to.deep.equal([
      { '500 internal-error': 1, '404': 1, '503': 1 },
    ]);
  });

  it('are added up by seconds, with their codes, and purchases beside', () => {
    const book = new AnswerBook();
    const atMs = 1_000_000;
    book.see(answer({ atMs, call: 'seats' }));
    book.see({ ...failed, atMs: atMs + 10 });
    book.see(answer({ atMs: atMs + 20, status: undefined, isGood: false }));
    expect(book.samples).to.deep.equal([
      {
        ...{ fromMs: atMs, untilMs: atMs + 1_000, total: 3, failed: 2 },
        ...{ purchases: { total: 2, failed: 2 }, byCode: { overloaded: 1, 'no-answer': 1 } },
      },
    ]);
  });
});

describe('two runs of a drill', () => {
  const journal = (change: Partial<Measures>, title = 'kill-service') =>
    ({ experiment: { title }, reprise: { measures: { ...good, ...change } } }) as Journal;
  const worse = (before: Partial<Measures>, after: Partial<Measures>) =>
    changesBetween(journal(before), journal(after))
      .filter(({ isWorse }) => isWorse)
      .map(({ measure }) => measure);

  it('differ when something takes a fifth and a second longer, or is never reached', () => {
    expect(worse({}, {})).to.deep.equal([]);
    expect(worse({ recoverSeconds: 5 }, { recoverSeconds: 5.9 })).to.deep.equal([]);
    expect(worse({ recoverSeconds: 5 }, { recoverSeconds: 6.1 })).to.deep.equal(['recoverSeconds']);
    expect(worse({}, { verifiedSeconds: null })).to.deep.equal(['verifiedSeconds']);
    expect(worse({}, { missing: ['reservation a'] })).to.deep.equal(['missing']);
  });

  it('of two drills are not compared', () => {
    expect(() => changesBetween(journal({}), journal({}, 'restore'))).to.throw(/nothing can be/);
  });
});

describe('the list of drills', () => {
  it('has names of their own, and the short ones', () => {
    const names = drills.map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
    expect(names).to.include.members([...shortDrills]);
  });

  it('names the alarm that must fire, or is an exception with a reason', () => {
    for (const { name, rings } of drills) {
      expect(rings === undefined, name).to.equal(name in withoutAlarm);
      if (rings !== undefined) expect(rules.map((rule) => rule.name)).to.include(rings);
    }
    const names = drills.map(({ name }) => name);
    expect(names).to.include.members(Object.keys(withoutAlarm));
    const page = readFileSync('docs/drills.md', 'utf8').replace(/ +\|/g, ' |');
    for (const [name, why] of Object.entries(withoutAlarm)) {
      expect(page).to.include(`| \`${name}\` | ${why} |`);
    }
  });

  it('a dead node, whichever it is, may cost no request', () => {
    const kills = drills.filter(
      ({ name }) => realStoreDrills.includes(name) && name.endsWith('-kill'),
    );
    expect(kills).to.have.lengthOf(3);
    for (const { name, bounds } of kills) expect(bounds.failedMax, name).to.equal(0);
  });

  it('on nodes of a real event store are skipped, with the reason, where there is none', async () => {
    expect(realStoreDrills).to.have.lengthOf(16);
    if (eventStoreBin !== undefined) return;
    for (const name of realStoreDrills) {
      const why = await drills.find((drill) => drill.name === name)?.skip?.();
      expect(why, name).to.match(/^set EVENTSTORE_BIN to the executable/);
    }
  });

  for (const { name, public: text } of drills) {
    it(`says for everybody what ${name} does, without jargon`, () => {
      expect(jargonIn(text.en)).to.deep.equal([]);
      expect(jargonIn(text.ko)).to.deep.equal([]);
      expect(text.ko).to.match(/니다\.$/);
    });
  }
});

describe('docs/drills.md', () => {
  it('has a row for each drill, with what it does and what is expected', () => {
    const page = readFileSync('docs/drills.md', 'utf8').replace(/ +\|/g, ' |');
    for (const { name, about, expected } of drills) {
      expect(page).to.include(`| \`${name}\` | ${about} | ${expected} |`);
    }
  });

  it('and docs/eventstoredb.md has the figures of each drill on a real event store', () => {
    const page = readFileSync('docs/eventstoredb.md', 'utf8');
    for (const name of realStoreDrills) expect(page, name).to.include(`| \`${name}\``);
  });
});
