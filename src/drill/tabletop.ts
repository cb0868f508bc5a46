import type { Interface } from 'node:readline/promises';

/** A scenario for people: nothing is broken, and nothing runs. */
export interface Card {
  readonly name: string;
  readonly about: string;
  /** The facts that people get, in the order in which they happen. */
  readonly steps: readonly Step[];
  /** The page where people can check their answers, as a path in the project. */
  readonly pages: readonly string[];
}

export interface Step {
  readonly told: string;
  readonly question: string;
  /** The content of a good answer. It is shown afterwards. */
  readonly good: string;
}

export const cards: readonly Card[] = [
  {
    name: 'first-hour',
    about: 'The alarm EventStoreDown wakes you, two minutes after a sale opened.',
    steps: [
      {
        told: 'It is 20:02. The sale opened at 20:00. Your phone shows an alarm: EventStoreDown. 40,000 people wait.',
        question: 'What do you look at first, and which command do you type?',
        good: '/readyz of the admin listener (curl -s http://HOST:3001/readyz), and the section EventStoreDown of the runbooks. Not the code.',
      },
      {
        told: 'The event store’s process is gone. Its disk is fine. A colleague wants to restore the newest backup at once.',
        question: 'Do you agree? What do you do instead?',
        good: 'No. The log is complete, so a restore would only lose sales. Back up the data that is there. Then start the event store again.',
      },
      {
        told: 'The event store is back. /readyz is 200. Buyers buy again.',
        question: 'How do you know that nothing is wrong? Whom do you inform, and of what?',
        good: 'reprise verify finds no violation, no payment is open, and the lists are not behind. Then the public report says what happened. Close the incident only after the proof.',
      },
    ],
    pages: ['docs/operations.md', 'docs/incidents.md'],
  },
  {
    name: 'lost-log',
    about:
      'The disk with the log is destroyed during a sale. There is an archive of reprise backup follow.',
    steps: [
      {
        told: 'The disk of the event store is destroyed. The archive of reprise backup follow is on another machine. Its last event is 3 seconds older than the loss.',
        question:
          'Buyers may have confirmations of facts that the archive does not have. May you open the sale after the restore?',
        good: 'Not yet. After a restore, the sale is closed. First, reprise restore reconcile must list the missing facts.',
      },
      {
        told: 'reprise restore reconcile lists 4 reservations and 2 payments that the log does not have.',
        question: 'What do you do with these six, and who decides?',
        good: 'Write the list into the incident. The person who is responsible for the money decides each case: give the buyer the seat by hand, or pay the money back. Then open the sale. Write the decision into --reason.',
      },
      {
        told: 'The sale is open again. One of the two buyers calls and has a screenshot of the payment.',
        question: 'What do you tell the buyer, and where do you look?',
        good: 'Look at the list of reconcile, and at reprise history reservation. Tell the buyer what you know, what happens with the money, and until when. Promise nothing that is not decided.',
      },
    ],
    pages: ['docs/operations.md', 'docs/backup.md'],
  },
  {
    name: 'bad-release',
    about: 'A new version was released an hour ago. Now events are parked.',
    steps: [
      {
        told: 'The alarm EventsParked fires. The release of an hour ago is probably the cause. Many colleagues write: “roll it back!”.',
        question: 'What must you know before you roll back, and which command says it?',
        good: 'You must know whether the older version can read the events of the newer one. reprise rollback check VERSION says it.',
      },
      {
        told: 'It says: NOT SAFE: 212 SeatReserved of version 2.',
        question: 'What would happen if you rolled back anyway? What do you do?',
        good: 'The older version parks these events, and refuses commands on their seats. Roll forward: release the older code with a higher version that reads these events.',
      },
      {
        told: 'The repaired version runs. 3 events are still parked.',
        question: 'What do you do with them?',
        good: 'Run reprise projections retry. Skip an event only when no version can read it: a skipped event is lost.',
      },
    ],
    pages: ['docs/operations.md', 'docs/rollback.md'],
  },
  {
    name: 'money',
    about: 'A buyer says that the money is gone and there is no ticket.',
    steps: [
      {
        told: 'A buyer writes: “I paid at 20:14, my balance is lower, and I have no ticket.” No alarm fires.',
        question:
          'Which commands tell you what happened to this buyer? What do you ask the buyer for?',
        good: 'Ask for the user id, or the request id in the answer. Then reprise history account and history reservation.',
      },
      {
        told: 'The history shows a payment that is held since 20:14, and no sale of the seat.',
        question: 'Is the money lost? Which alarm should have fired, and why did it not fire?',
        good: 'No. The service settles or releases held money. MoneyStuck fires when a payment is open for more than a minute. Check that reprise alarm runs, and that its messages arrive.',
      },
      {
        told: 'You find eleven more buyers with the same history.',
        question:
          'Is this an incident? How severe is it? Whom do you inform, and what do you promise?',
        good: 'Yes: open one. The severity depends on the measured impact. Inform the twelve buyers before they ask, and say when you will write again.',
      },
    ],
    pages: ['docs/operations.md', 'docs/incidents.md'],
  },
  {
    name: 'everybody-waits',
    about: 'The sale is open, and every server is up, but the queue admits nobody.',
    steps: [
      {
        told: 'The queue has admitted nobody for two minutes. 25,000 users wait. Every server is up. The alarm QueueStuck fires.',
        question: 'Which three causes do you look for, in which order?',
        good: 'Somebody paused the queue. Users who have left occupy all places. Redis answers, but refuses writes. reprise queue status shows a pause. /readyz of the admin listener shows the users and the warnings about Redis.',
      },
      {
        told: 'A colleague paused the queue an hour ago to repair something, and then went home.',
        question: 'What do you check before you admit users again, and how fast do you admit them?',
        good: 'Check that the repair is finished: run reprise verify, and see that the lists are not behind. Then resume. After a long pause, begin with fewer places, and watch SlowSale.',
      },
      {
        told: 'It works. On the internet, people claim that somebody changed the order of the queue by hand.',
        question: 'How do you show that this is wrong?',
        good: 'With QUEUE_LOG=on, reprise queue audit proves from the queue’s events that the queue admitted users in their order. Without QUEUE_LOG, say honestly that there is no record.',
      },
    ],
    pages: ['docs/operations.md', 'docs/waiting-room.md'],
  },
];

/** The whole card as text, for an output where nobody answers. */
export function asText(card: Card): string {
  const steps = card.steps.map(
    ({ told, question, good }, at) =>
      `${at + 1}. ${told}\n   Question: ${question}\n   A good answer has: ${good}`,
  );
  return [
    `${card.name}: ${card.about}`,
    '',
    ...steps.flatMap((step) => [step, '']),
    `Read afterwards: ${card.pages.join(', ')}`,
  ].join('\n');
}

/** How long people took for one step, in seconds, and what they said. */
export interface Timed {
  readonly question: string;
  readonly answer: string;
  readonly seconds: number;
}

/**
 * Asks people step by step, and takes the time of each answer: a line, ended with Enter.
 * @param say one line for them @returns what was answered until the input ended
 */
export async function ask(
  card: Card,
  lines: Pick<Interface, 'question'>,
  say: (line: string) => void,
): Promise<Timed[]> {
  const timed: Timed[] = [];
  say(`${card.name}: ${card.about}`);
  for (const [at, { told, question, good }] of card.steps.entries()) {
    say(`\n${at + 1} of ${card.steps.length}. ${told}`);
    const fromMs = performance.now();
    const answer = await lines.question(`${question}\n> `).catch(() => undefined);
    if (answer === undefined) break;
    const seconds = (performance.now() - fromMs) / 1_000;
    timed.push({ question, answer, seconds });
    say(`  ${seconds.toFixed(0)} s. A good answer has: ${good}`);
  }
  return timed;
}
