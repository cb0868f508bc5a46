import { expect } from 'chai';
import { Findings, type LogEvent } from '../../src/verify/finding.ts';
import { LogProof } from '../../src/verify/log-proof.ts';

const epoch = '0b0c6f0e-2f0f-4f0b-9d0c-0a8f0c9f5a01';
let position = 0n;

function event(stream: string, type: string, data: object, revision: bigint): LogEvent {
  position += 1n;
  return {
    ...{ id: `e${position}`, stream, type, revision, position, createdMs: 0 },
    ...{ data, version: 1, isRestored: false },
  } as LogEvent;
}

/** The ids of reservations of one seat that the proof finds wrong. */
function wrongIds(
  events: readonly { id?: string; restored?: true; isRestored?: true }[],
): string[] {
  const findings = new Findings(100);
  const proof = new LogProof(findings);
  let revision = 0n;
  let own = 0n;
  for (const { id, restored, isRestored } of events) {
    if (restored) {
      const data = { epoch, image: 'i', events: 1 };
      proof.see(event('restored-log', 'ImageRestored', data, own));
      own += 1n;
      proof.see(event('restored-log', 'SaleOpened', { epoch, reason: 'r' }, own));
      own += 1n;
      continue;
    }
    const hold = { reservationId: id, userId: 'u', price: 1, currency: 'KRW' };
    const data = { ...hold, expiresAt: '2027-01-01T00:00:00.000Z', reason: 'expired' };
    for (const type of ['SeatReserved', 'SeatReleased']) {
      const seen = event('seat-s/a', type, data, revision);
      proof.see(isRestored ? { ...seen, isRestored } : seen);
      revision += 1n;
    }
  }
  return findings.kept
    .filter(({ code }) => code === 'wrong-reservation-id')
    .map(({ detail }) => detail.split(',')[0] ?? '');
}

describe('the proof of reservations’ ids', () => {
  it('counts the turns of a seat, and wants the epoch of a restored log from there on', () => {
    const turns = [{ id: 's.a.1' }, { restored: true as const }, { id: 's.a.2-0b0c6f0e' }];
    expect(wrongIds(turns)).to.deep.equal([]);
  });

  it('finds an id that may have been given out before the restore', () => {
    const turns = [{ id: 's.a.1' }, { restored: true as const }, { id: 's.a.2' }];
    expect(wrongIds(turns)).to.deep.equal(['s.a.2']);
  });

  it('finds the epoch of another log, and one in a log that was never restored', () => {
    const turns = [{ id: 's.a.1-0b0c6f0e' }, { restored: true as const }, { id: 's.a.2-1111aaaa' }];
    expect(wrongIds(turns)).to.deep.equal(['s.a.1-0b0c6f0e', 's.a.2-1111aaaa']);
  });

  it('takes what was restored as it was', () => {
    const isRestored = true as const;
    const turns = [
      { id: 's.a.1', isRestored },
      { id: 's.a.2-1111aaaa', isRestored },
      { id: 's.a.4', isRestored },
    ];
    expect(wrongIds(turns)).to.deep.equal(['s.a.4']);
  });
});
