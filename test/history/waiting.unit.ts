import { expect } from 'chai';
import type { LogMessage } from '../../src/commands/core/event-store.ts';
import { waitingOf } from '../../src/history/waiting.ts';

const startMs = Date.UTC(2030, 0, 1, 10);
const at = (second: number) => startMs + 1_000 * second;

let revision = 0n;
const event = (type: string, stream: string, data: unknown, second: number): LogMessage => {
  revision += 1n;
  const versions: Record<string, number> = { QueueMoved: 2, QueueSteered: 2 };
  return {
    kind: 'event',
    event: {
      ...{ id: `${revision}`, stream, revision, position: revision, type, data },
      ...{ createdMs: at(second), metadata: { schemaVersion: versions[type] ?? 1 } },
    },
  };
};
const moved = (kind: string, user: string, number: number, second: number, room = '') =>
  event(
    'QueueMoved',
    `queue-line-2030-01-01T10${room === '' ? '' : `-${room}`}`,
    { moves: [[kind, user, number, at(second)]] },
    second,
  );

async function* log(messages: readonly LogMessage[]): AsyncGenerator<LogMessage> {
  yield* messages;
  yield { kind: 'caught-up' };
}

const told = async (messages: readonly LogMessage[], nowMs = at(1_000)) =>
  (await waitingOf({ subscribe: () => log(messages) }, '42', nowMs)).map(
    ({ atMs, room, what }) => `${(atMs - startMs) / 1_000} ${room}: ${what}`,
  );

describe('why a user waited so long', () => {
  const steered = event(
    'QueueSteered',
    'queue-steering',
    {
      ...{ admittedMax: 5, perMinute: null, paused: true, draining: false, lot: null },
      ...{ cleared: false, by: 'kim', reason: 'payments are slow', at: '2030-01-01T10:00:10.000Z' },
    },
    10,
  );

  it('says who was in front, how fast it went, what was steered, and what was not claimed', async () => {
    expect(
      await told([
        ...['1', '2', '3'].map((user) => moved('enrolled', user, Number(user), 0)),
        ...[moved('admitted', '1', 1, 0), moved('enrolled', '42', 4, 1), steered],
        ...[moved('admitted', '2', 2, 40), moved('admitted', '5', 5, 50)],
        ...[moved('away', '42', 4, 45), moved('back', '42', 4, 60), moved('admitted', '42', 4, 61)],
        ...[moved('unclaimed', '42', 4, 91), moved('admitted', '42', 4, 100)],
        moved('ended', '42', 4, 400),
      ]),
    ).to.deep.equal([
      '1 : enrolled: by the log, 2 users waited in front',
      '10 : the queue was steered by kim (payments are slow): 5 places, paused: nobody is admitted',
      '45 : away: did not poll in time, so others were admitted first',
      '60 : polled again: waits in front of all users who came later',
      '61 : admitted after 60.0 s, in which 2 others were admitted, 2.0 per minute',
      '91 : did not claim the admission in time, so the next user got the place: waits again, in front of all users who came later',
      '100 : admitted after 9.0 s, in which 0 others were admitted, 0.0 per minute',
      '400 : the admitted place ended',
    ]);
  });

  it('says who waits still, in which room, and tells nothing of other users and rooms', async () => {
    expect(
      await told([
        ...[moved('enrolled', '1', 1, 0), moved('enrolled', '2', 2, 0)],
        ...[moved('enrolled', '1', 1, 5, 'gala'), moved('enrolled', '42', 2, 10, 'gala'), steered],
        ...[moved('cleared', '', 0, 20), moved('admitted', '2', 2, 30)],
      ]),
    ).to.deep.equal([
      '10 gala: enrolled: by the log, 1 users waited in front',
      '1000 gala: still waits after 990.0 s, in which 0 others were admitted, 0.0 per minute; 1 users in front, also those who are away',
    ]);
    expect(await told([moved('enrolled', '1', 1, 0), moved('cleared', '', 0, 9)])).to.deep.equal(
      [],
    );
  });

  it('says who emptied the line and why, also when the enrolment comes later in the log', async () => {
    const emptied = event(
      'QueueSteered',
      'queue-steering',
      {
        ...{ admittedMax: null, perMinute: null, paused: false, draining: false, lot: null },
        ...{ cleared: true, by: 'lee', reason: 'a wrong price', at: '2030-01-01T10:00:10.000Z' },
      },
      10,
    );
    const lost = '11 : lost the waiting place: the line was emptied by lee (a wrong price)';
    expect(
      await told([moved('enrolled', '42', 4, 1), emptied, moved('cleared', '', 0, 11)]),
    ).to.deep.equal([
      '1 : enrolled: by the log, 0 users waited in front',
      '10 : the queue was steered by lee (a wrong price): as many places as the setting allows, the line was emptied',
      lost,
    ]);
    expect(
      await told([emptied, moved('enrolled', '42', 4, 9), moved('cleared', '', 0, 11)]),
    ).to.deep.equal(['9 : enrolled: by the log, 0 users waited in front', lost]);
    expect(
      await told([moved('enrolled', '42', 4, 9), moved('cleared', '', 0, 11)]),
      'the log does not say',
    ).to.deep.equal([
      '9 : enrolled: by the log, 0 users waited in front',
      '11 : lost the waiting place: the line was emptied',
    ]);
  });
});
