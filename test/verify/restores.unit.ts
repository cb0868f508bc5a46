import { expect } from 'chai';
import { Findings, type LogEvent } from '../../src/verify/finding.ts';
import { Restores } from '../../src/verify/restores.ts';

const epoch = '0b0c6f0e-2f0f-4f0b-9d0c-0a8f0c9f5a01';
let revision = 0n;

const event = (stream: string, type: string, data = {}, isRestored = false): LogEvent => {
  revision += 1n;
  return {
    ...{ id: `e${revision}`, stream, type, revision, position: revision, createdMs: 0 },
    ...{ data, version: 1, isRestored },
  };
};
const own = (type: string, data = {}) => event('restored-log', type, { epoch, ...data });
const begun = (events: number) => own('LogRestored', { events });
const finished = (events: number) => own('LogRestoreFinished', { events });
const opened = () => own('SaleOpened', { reason: 'r' });
const kept = () => event('seat-1/A', 'SeatReserved', {}, true);
const fresh = () => event('request-1', 'RequestStarted');
const others = () => event('elsewhere-1', 'Happened');

function codesOf(...events: LogEvent[]): string[] {
  const findings = new Findings(100);
  const restores = new Restores(findings.report, (stream) => stream.startsWith('seat-'));
  for (const one of events) restores.see(one);
  restores.conclude();
  return findings.kept.map(({ code }) => code);
}

describe('the proof of a restored log', () => {
  it('takes a log that was never restored, and one that was, whole', () => {
    expect(codesOf(fresh(), others())).to.deep.equal([]);
    const metadata = event('$$seat-1/A', '$metadata');
    const whole = [others(), begun(3), kept(), metadata, kept(), finished(3)];
    expect(codesOf(...whole)).to.deep.equal([]);
    expect(codesOf(...whole, own('LogReconciled', { missing: 1 }), opened(), fresh())).to.be.empty;
  });

  const imaged = (data = {}) => own('ImageRestored', { events: 1, ...data });

  it('takes a log that was put back as an image, also one that was restored before', () => {
    expect(codesOf(fresh(), imaged(), opened(), fresh())).to.deep.equal([]);
    const second = '0b0c6f0e-2f0f-4f0b-9d0c-0a8f0c9f5a02';
    const whole = [begun(1), kept(), finished(1), opened(), fresh(), imaged({ epoch: second })];
    expect(codesOf(...whole, own('SaleOpened', { epoch: second }), fresh())).to.deep.equal([]);
  });

  const wrong: Record<string, LogEvent[]> = {
    'a restore that was cut short': [begun(2), kept()],
    'fewer events than it says': [begun(2), kept(), finished(2)],
    'more events than it began with': [begun(1), kept(), kept(), finished(2)],
    'a restore that is not the beginning': [fresh(), begun(1), kept(), finished(1)],
    'a second restore': [begun(1), kept(), finished(1), begun(1)],
    'a sale opened before all is there': [begun(1), opened(), kept(), finished(1)],
    'an event while the sale is closed': [begun(1), kept(), finished(1), fresh(), opened()],
    'an event that says it was restored, and was not': [kept()],
    'an event while the sale of an image is closed': [fresh(), imaged(), fresh()],
    'an image of a log that was restored in part': [begun(2), kept(), imaged()],
    'what is said of another log': [
      ...[begun(1), kept(), finished(1)],
      event('restored-log', 'SaleOpened', { epoch: 'another' }),
    ],
  };
  for (const [what, events] of Object.entries(wrong)) {
    it(`finds ${what}`, () => {
      expect(codesOf(...events)).to.include('wrong-restore');
    });
  }

  it('finds what cannot be read there', () => {
    expect(codesOf(begun(1), kept(), finished(1), own('LogMoved'))).to.deep.equal(['unreadable']);
  });
});
