import { expect } from 'chai';
import fc from 'fast-check';
import { type Facts, factsSchema } from '../../src/incidents/facts.ts';
import { formatOf } from '../../src/incidents/report/format.ts';
import { jargonIn } from '../../src/incidents/report/jargon.ts';
import { langs } from '../../src/incidents/report/page.ts';
import { allReports, type audiences, reportText } from '../../src/incidents/report/reports.ts';
import { at, sampleFacts, sampleIncident } from './support/sample.ts';

const timeZone = 'Asia/Seoul';
const text = (audience: (typeof audiences)[number], lang: (typeof langs)[number], html = false) =>
  reportText(audience, sampleIncident(), sampleFacts, { lang, timeZone, html });

/** Everything in the sample that only engineers may read. */
const hidden = [
  ...['incident commander', 'operations', 'buyer-42', 'buyer-7', 'SaleFailing', 'SEV1', '481516'],
  ...['1-1.VIP-1-2.1', 'event-store-unavailable', 'da894118-1111-4222-8333-444455556666'],
];

/** Facts that may be: any count, any of the parts unknown, over or not. */
const anyFacts = fc
  .record({
    count: fc.nat({ max: 5_000_000 }),
    violations: fc.nat({ max: 3 }),
    isOver: fc.boolean(),
    parts: fc.subarray(['requests', 'log', 'proof', 'alarms'] as const),
    missing: fc.array(fc.constantFrom('reservation s1.A-1-1.1', 'payment of s1.A-1-2.1')),
  })
  .map(({ count, violations, isOver, parts, missing }): Facts => {
    const { requests, log, proof } = sampleFacts;
    const facts = {
      ...sampleFacts,
      requests: requests && { ...requests, failed: count },
      log: log && {
        ...{ ...log, holds: { ...log.holds, ranOut: count, buyers: count } },
        payments: { ...log.payments, leftHalfWay: count, unsettled: violations },
      },
      proof: proof && { ...proof, violations, doubleSales: violations },
      acknowledged: missing.length === 2 ? null : { facts: count, missing },
      lines: isOver ? sampleFacts.lines : { ...sampleFacts.lines, eased: null, ended: null },
      durations: isOver ? sampleFacts.durations : { ...sampleFacts.durations, recover: null },
    };
    return { ...facts, ...Object.fromEntries(parts.map((part) => [part, null])) };
  });

describe('the report for everybody', () => {
  it('has no jargon, no id and no name, whatever happened and whatever is unknown', () => {
    fc.assert(
      fc.property(anyFacts, fc.boolean(), (facts, isDrill) => {
        for (const lang of langs) {
          const options = { lang, timeZone, html: false };
          const report = reportText('everyone', sampleIncident(isDrill), facts, options);
          // The name of the picture's file is none of the text.
          const read = report.replace(/\]\(plot\.\S+\)/, ']');
          expect(jargonIn(read, hidden), lang).to.deep.equal([]);
        }
      }),
    );
  });

  it('is Korean in every sentence, in the polite form of business', () => {
    const report = text('everyone', 'ko').replace(/\(plot\.\S+\)/, '');
    expect(report).not.to.match(/[A-Za-z]{2,}/);
    const sentences = report.match(/[가-힣][^.\n|]*\.(?= |\n|\*)/g) ?? [];
    expect(sentences.length).to.be.greaterThan(12);
    for (const sentence of sentences) {
      expect(sentence).to.match(/(니다|시오|바랍니다|겠습니다|드립니다)\.$/);
    }
  });

  it('says the numbers of the facts, and “0” only for what was proven', () => {
    expect(text('everyone', 'ko'))
      .to.include('1,240건')
      .and.to.include('12명')
      .and.to.include('0원');
    expect(text('everyone', 'en')).to.include('1,240').and.to.include('12 buyers');
    const unproven = { ...sampleFacts, proof: null, log: null, requests: null };
    for (const lang of langs) {
      const options = { lang, timeZone, html: false };
      const report = reportText('everyone', sampleIncident(), unproven, options);
      expect(report.match(/\*\*(집계 중|being counted)\*\*/g)?.length).to.equal(4);
      expect(report).not.to.match(/0건|0원|₩0|No seat was sold twice/);
    }
  });

  it('says so when something is wrong', () => {
    const { proof } = sampleFacts;
    const facts = { ...sampleFacts, proof: proof && { ...proof, violations: 2, doubleSales: 1 } };
    const options = { lang: 'ko', timeZone, html: false } as const;
    const report = reportText('everyone', sampleIncident(), facts, options);
    expect(report).to.include('바로잡아야 할 내역이 2건').and.to.include('**1건**');
    expect(report).not.to.include('0원');
  });

  it('of a drill says first that it was one', () => {
    const options = { lang: 'ko', timeZone, html: true } as const;
    const report = reportText('everyone', sampleIncident(true), sampleFacts, options);
    expect(report).to.match(/class="banner">[^<]*훈련/);
  });
});

describe('the report for engineers', () => {
  it('has every section, and each case with its request and its place in the log', () => {
    const report = text('engineers', 'en');
    for (const section of [
      ...['Summary', 'Impact', 'Timeline', 'Detection', 'Trigger and root causes', 'Resolution'],
      ...['Lessons', 'Action items', 'Supporting information'],
    ]) {
      expect(report).to.include(`## ${section}\n`);
    }
    expect(report).to.include('`9@account-buyer-7`, position 481500, request `da894118-');
    expect(report).to.include(
      '| DiskLow rings at 20 % instead of 10 % | operations | 2027-05-10 |',
    );
    expect(report).to.include('45 s');
  });

  it('is the same in both languages, number by number', () => {
    const numbers = (report: string) =>
      [...report.matchAll(/(?<![\d:.])\d(?:[\d,]*\d)?(?![\d:.]*\d)/g)]
        .map(([n]) => n)
        .filter((n) => n.length > 3)
        .sort();
    expect(numbers(text('engineers', 'ko'))).to.deep.equal(numbers(text('engineers', 'en')));
  });

  it('leaves open what only people know', () => {
    const { closed, ...rest } = sampleIncident();
    expect(closed).not.to.equal(undefined);
    const options = { lang: 'en', timeZone, html: false } as const;
    const incident = { ...rest, closed: undefined, actions: [] };
    const open = reportText('engineers', incident, sampleFacts, options).match(/^- \[ \]/gm);
    expect(open?.length).to.equal(6 + 1 + 1 + 1);
  });
});

describe('all reports', () => {
  it('come as Markdown and as HTML that loads nothing and runs nothing', () => {
    const reports = allReports(sampleIncident(), sampleFacts, { timeZone });
    expect(
      reports
        .map(({ name }) => name.replace(/.*\./, ''))
        .sort()
        .join(),
    ).to.equal('html,html,html,html,md,md,md,md,svg,svg,svg,svg');
    for (const { name, text: content } of reports) {
      expect(content, name).not.to.match(/<script|src=|href=|url\(|@import/);
      expect(content, name).not.to.match(/undefined|NaN|\[object/);
    }
  });

  it('show what people wrote as text', () => {
    const title = '<img src=x onerror=alert(1)> & "so"';
    for (const html of [true, false]) {
      const options = { lang: 'en', timeZone, html } as const;
      const incident = { ...sampleIncident(), title };
      expect(reportText('engineers', incident, sampleFacts, options)).not.to.include('<img');
    }
  });

  it('have the form that facts.json has', () => {
    expect(factsSchema.parse(JSON.parse(JSON.stringify(sampleFacts)))).to.deep.equal(sampleFacts);
  });
});

describe('jargon', () => {
  for (const [words, sentence] of [
    ['5xx', 'Some calls got 5xx.'],
    ['p95', 'The p95 was high.'],
    ['event store', 'The event store was full.'],
    ['로그', '로그를 확인했습니다.'],
    ['프로젝션', '프로젝션이 늦었습니다.'],
    ['Redis', 'Redis was away.'],
    ['오류 503', '오류 503이 발생했습니다.'],
    ['seat-1-1/A-1', 'seat-1-1/A-1 was sold.'],
    ['김민수', '김민수가 확인했습니다.'],
  ] as const) {
    it(`finds ${words}`, () => {
      expect(jargonIn(sentence, ['김민수']).length).to.be.greaterThan(0);
    });
  }

  it('leaves the words of buyers alone', () => {
    const plain =
      'We could not serve 503 buyers; you may log in again. 로그인하신 뒤 500석 가운데 12석을 확인해 주십시오.';
    expect(jargonIn(plain, ['operations'])).to.deep.equal([]);
  });
});

describe('times and amounts', () => {
  it('are written as each language writes them, in the zone that was asked for', () => {
    const ko = formatOf('ko', timeZone);
    const en = formatOf('en', 'UTC', { isShort: true });
    expect(ko.time(at(0))).to.equal('2027년 5월 1일(토) 오후 7시 2분');
    expect(en.time(at(5))).to.equal('Sat 1 May 2027, 10:02:05');
    expect([ko.length(976), en.length(976), ko.length(3_720)]).to.deep.equal([
      ...['16분 16초', '16 min 16 s', '1시간 2분'],
    ]);
    expect([ko.money(43_700_000, 'KRW'), en.money(1_250, 'EUR')]).to.deep.equal([
      ...['43,700,000원', '€12.50'],
    ]);
    expect([ko.share(0.00001), en.share(0.123)]).to.deep.equal(['0.1% 미만', '12.3%']);
  });
});
