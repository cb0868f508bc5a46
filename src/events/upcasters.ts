import type { z } from 'zod';
import { type EventType, eventSchemas } from './events.ts';
import { queueMoved1 } from './queue-events.ts';

/**
 * The first version did not have the sum of money that was captured and not refunded. The sum of
 * its payments is smaller, because payments that were settled long ago had been left out.
 */
const accountSummarised1 = eventSchemas.AccountSummarised.omit({ captured: true }).transform(
  (data) => {
    const taken = data.payments.filter(({ status }) => status === 'captured');
    return { ...data, captured: taken.reduce((sum, { amount }) => sum + amount, 0) };
  },
);

/** The first versions knew no rooms of the waiting queue, and no places by lot. */
const concertDetails1 = eventSchemas.ConcertRegistered.omit({ waitingRoom: true });
const queueSteered1 = eventSchemas.QueueSteered.omit({ room: true, lot: true }).transform(
  (data) => ({ ...data, lot: null }),
);

/**
 * Every older version of each event type, oldest first: the schema that its data had, with a
 * `transform` into the data of the next version. A type's version today is one more than it has
 * older ones. What was ever stored is read for ever, so nothing is taken out of here. A new version
 * comes with a fixture in `test/events/fixtures/`.
 */
export const olderVersions: { readonly [T in EventType]?: readonly z.ZodType[] } = {
  AccountSummarised: [accountSummarised1],
  ConcertRegistered: [concertDetails1],
  ConcertRevised: [concertDetails1],
  QueueMoved: [queueMoved1],
  QueueSteered: [queueSteered1],
};

/** The version that events of a type are written with. */
export const versionOf = (type: EventType): number => (olderVersions[type]?.length ?? 0) + 1;
