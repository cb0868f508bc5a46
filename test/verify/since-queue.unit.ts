import { expect } from 'chai';
import type { LogEvent } from '../../src/verify/finding.ts';
import type { ProofMark } from '../../src/verify/proof-mark.ts';
import { proveSince } from '../../src/verify/verify-since.ts';
import { type Faults, QueueHistory, saleHistory, startMs } from './support/queue-history.ts';

/** A log in memory, which notes the streams that are read. */
function logOf(events: readonly LogEvent[]) {
  const read: string[] = [];
  return {
    read,
    skips: async () => [],
    readFrom: async (position: bigint, see: (event: LogEvent) => void) => {
      for (const event of events) if (event.position >= position) see(event);
    },
    stream: async (name: string) => {
      read.push(name);
      return events.filter(({ stream }) => stream === name);
    },
  };
}

/** As a proof leaves it that ended with this event. */
function markAt({ position, id }: LogEvent): ProofMark {
  const at = new Date(startMs).toISOString();
  return { position: `${position}`, eventId: id, epoch: null, wholeAt: at, at, unfinished: [] };
}

/** The codes of what a proof finds that begins after the event with this number. */
async function codesAfter({ events }: QueueHistory, nth: number): Promise<string[]> {
  const verdict = await proveSince(logOf(events), markAt(events[nth] as LogEvent));
  if (typeof verdict === 'string') throw new Error(verdict);
  return Object.keys(verdict.violations.byCode);
}

const hour = 3_600;

describe('the proof of the queue’s new moves', () => {
  const two = new QueueHistory()
    .steer(1, startMs)
    .at(200, 'enrolled', 'a', 200_000)
    .at(200, 'admitted', 'a', 200_000)
    .at(210, 'enrolled', 'b', 210_000)
    .at(210, 'admitted', 'b', 210_000)
    .at(260, 'ended', 'a', 200_000)
    .at(270, 'ended', 'b', 210_000);

  it('finds one inside too many, of whom a new move says so; what was judged before is not judged again', async () => {
    for (const nth of [0, 1, 2, 3]) {
      expect(await codesAfter(two, nth), `after ${nth}`).to.deep.equal(['queue-over-limit']);
    }
    expect(await codesAfter(two, 4), 'both were admitted before').to.deep.equal([
      'queue-over-limit',
    ]);
    expect(await codesAfter(two, 5)).to.deep.equal([]);
    expect(await codesAfter(two, 6)).to.deep.equal([]);
  });

  it('finds two users with one number, also across the hour', async () => {
    const log = new QueueHistory()
      .at(hour - 20, 'enrolled', 'a', (hour - 20) * 1_000)
      .at(hour - 20, 'enrolled', 'b', (hour - 20) * 1_000)
      .at(hour + 9, 'admitted', 'a', (hour - 20) * 1_000);
    expect(await codesAfter(log, 1)).to.deep.equal(['wrong-queue']);
  });

  it('knows the limit of a room from the first step on, however long ago', async () => {
    const log = new QueueHistory().steer(1, startMs, 'gala');
    const from = 9 * hour;
    for (const [user, at] of [
      ['a', from],
      ['b', from + 10],
    ] as const) {
      log.at(at, 'enrolled', user, at * 1_000, 'gala').at(at, 'admitted', user, at * 1_000, 'gala');
    }
    log.at(from + 60, 'ended', 'a', from * 1_000, 'gala');
    expect(await codesAfter(log, 0)).to.deep.equal(['queue-over-limit']);
  });

  it('reads the steering and three hours of the rooms that have new moves', async () => {
    const log = new QueueHistory();
    for (let n = 0; n < 6; n += 1) {
      for (const room of ['', 'gala']) {
        log.at(n * hour, 'enrolled', `u${n}${room}`, n * hour * 1_000, room);
      }
    }
    const reader = logOf(log.events);
    await proveSince(reader, markAt(log.events.at(-2) as LogEvent));
    const lines = reader.read.filter((name) => name.startsWith('queue-'));
    expect(lines).to.have.members([
      'queue-steering',
      ...[15, 14, 13].map((at) => `queue-line-2030-01-01T${at}-gala`),
    ]);
    const none = logOf(log.events);
    await proveSince(none, markAt(log.events.at(-1) as LogEvent));
    expect(none.read.filter((name) => name.startsWith('queue-'))).to.deep.equal([]);
  });

  const honest: Record<string, Faults> = {
    'a sale': {},
    'a sale whose queue was lost': { lostAtMs: [15_000] },
    'a sale whose moves are lost': { batchesLost: 0.2 },
    'a sale with a limit that changes': { steps: [[20_000, { admittedMax: 30 }]] },
  };
  for (const [name, faults] of Object.entries(honest)) {
    it(`finds nothing in ${name}, wherever it begins`, async () => {
      const log = await saleHistory(faults, 30);
      const step = Math.ceil(log.events.length / 12);
      for (let nth = 0; nth < log.events.length; nth += step) {
        expect(await codesAfter(log, nth), `after ${nth}`).to.deep.equal([]);
      }
    });
  }
});
