import type { Interface } from 'node:readline/promises';

/** A scenario for people: nothing is broken, and nothing runs. */
export interface Card {
  readonly name: string;
  readonly about: string;
  /** What the people are told, in the order in which it happens. */
  readonly steps: readonly Step[];
  /** Where they look up whether they were right, below the project. */
  readonly pages: readonly string[];
}

export interface Step {
  readonly told: string;
  readonly question: string;
  /** What a good answer has; shown after it. */
  readonly good: string;
}

export const cards: readonly Card[] = [
  {
    name: 'first-hour',
    about: 'The alarm EventStoreDown wakes you, two minutes after a sale opened.',
    steps: [
      {
        told: 'It is 20:02. The sale opened at 20:00. Your phone shows a page: EventStoreDown. 40,000 people wait.',
        question: 'What do you look at first, and which command do you type?',
        good: '/readyz of the admin listener (curl -s http://HOST:3001/readyz), and the section EventStoreDown of the runbooks. Not the code.',
      },
      {
        told: 'The event store’s process is gone. Its disk is fine. A colleague wants to restore the newest backup at once.',
        question: 'Do you agree? What do you do instead?',
        good: 'No. The log is whole: a restore would lose sales. Back up what is there, and start the event store again.',
      },
      {
        told: 'The event store is back. /readyz is 200. Buyers buy again.',
        question: 'How do you know that nothing is wrong? Who is told what?',
        good: 'reprise verify has no violation, no payment is open, the lists are not behind. Then the public report says what happened; the incident is closed only after the proof.',
      },
    ],
    pages: ['docs/operations.md', 'docs/incidents.md'],
  },
  {
    name: 'lost-log',
    about: 'The disk with the log is destroyed during a sale. There is a backup that was followed.',
    steps: [
      {
        told: 'The disk of the event store is destroyed. The archive of reprise backup follow is on another machine. Its last event is 3 seconds older than the loss.',
        question:
          'Buyers have confirmations that the archive may lack. May you open the sale after the restore?',
        good: 'Not yet. A restored log opens with the sale closed. First reprise restore reconcile must name what is missing.',
      },
      {
        told: 'reprise restore reconcile names 4 reservations and 2 payments that the log lacks.',
        question: 'What do you do with these six, and who decides?',
        good: 'Write the list into the incident. Somebody who owns the money decides for each: honour it by hand, or pay it back. Then open, with a reason that names the decision.',
      },
      {
        told: 'The sale is open again. One of the two buyers calls and has a screenshot of the payment.',
        question: 'What do you tell the buyer, and where do you look?',
        good: 'The list of reconcile, and reprise history reservation. Say what is known, say what happens with the money and by when. Promise nothing that is not decided.',
      },
    ],
    pages: ['docs/operations.md', 'docs/backup.md'],
  },
  {
    name: 'bad-release',
    about: 'A new version was released an hour ago. Now events are parked.',
    steps: [
      {
        told: 'The alarm EventsParked rings. The release of an hour ago looks guilty. Your chat is full of “roll it back!”.',
        question: 'What must you know before you roll back, and which command says it?',
        good: 'Whether the older version can read what the newer one wrote: reprise rollback check VERSION.',
      },
      {
        told: 'It says: NOT SAFE: 212 SeatReserved of version 2.',
        question: 'What would happen if you rolled back anyway? What do you do?',
        good: 'The older version parks these events, and refuses commands on their seats. Roll forward: release the older code with a higher version that reads these events.',
      },
      {
        told: 'The repaired version runs. 3 events are still parked.',
        question: 'What do you do with them?',
        good: 'reprise projections retry. Skip an event only when nothing can read it, because that loses what it says.',
      },
    ],
    pages: ['docs/operations.md', 'docs/rollback.md'],
  },
  {
    name: 'money',
    about: 'A buyer says that the money is gone and there is no ticket.',
    steps: [
      {
        told: 'A buyer writes: “I paid at 20:14, my balance is lower, and I have no ticket.” No alarm rings.',
        question:
          'Which commands tell you what happened to this buyer? What do you ask the buyer for?',
        good: 'Ask for the user id, or the request id in the answer. Then reprise history account and history reservation.',
      },
      {
        told: 'The history shows a payment that is held since 20:14, and no sale of the seat.',
        question: 'Is the money lost? Which alarm should have rung, and why did it not?',
        good: 'No: held money is settled or released. MoneyStuck rings when a payment is open for more than a minute. Look whether an alarm runs, and whether it is told of in time.',
      },
      {
        told: 'You find eleven more buyers with the same history.',
        question: 'Is this an incident? How severe, who is told, and what do you promise?',
        good: 'Yes: open one. Severity follows the measured impact. Tell the twelve buyers before they ask, and say when you write again.',
      },
    ],
    pages: ['docs/operations.md', 'docs/incidents.md'],
  },
  {
    name: 'everybody-waits',
    about: 'The sale is on, nothing is down, and nobody gets out of the queue.',
    steps: [
      {
        told: 'Nobody was let in for two minutes. 25,000 users wait. Every server is up. The alarm QueueStuck rings.',
        question: 'Which three causes do you look for, in which order?',
        good: 'Somebody paused the queue; all places are taken by users who are away; Redis is there and does not take writes. reprise queue shows the first two.',
      },
      {
        told: 'A colleague paused the queue an hour ago to repair something, and has gone home.',
        question:
          'What do you check before you let users in again, and how fast do you let them in?',
        good: 'That the repair is finished (reprise verify, the lists are not behind). Then resume; if it was long, with fewer places first, and watch SlowSale.',
      },
      {
        told: 'It works. On the internet people say that the order of the queue was changed by hand.',
        question: 'How do you show that it was not?',
        good: 'With QUEUE_LOG=on: reprise queue audit proves from the queue’s own events that users were let in in turn. Without it, say honestly that there is no record.',
      },
    ],
    pages: ['docs/operations.md', 'docs/waiting-room.md'],
  },
];

/** Between the lines of people, for a text that has no reader who answers. */
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
