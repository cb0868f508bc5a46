import type { z } from 'zod';
import { type DomainEvent, type EventType, eventSchemas } from './events.ts';
import { queueMoved1 } from './queue-events.ts';

/**
 * The first version did not have the sum of captured money that is not refunded. The sum of the
 * payments in the summary is smaller, because the summary leaves out old, settled payments.
 */
const accountSummarised1 = eventSchemas.AccountSummarised.omit({ captured: true }).transform(
  (data) => {
    const taken = data.payments.filter(({ status }) => status === 'captured');
    return { ...data, captured: taken.reduce((sum, { amount }) => sum + amount, 0) };
  },
);

/** The first versions had no rooms of the waiting queue, and no places by lot. */
const concertDetails1 = eventSchemas.ConcertRegistered.omit({ waitingRoom: true });
const queueSteered1 = eventSchemas.QueueSteered.omit({ room: true, lot: true }).transform(
  (data) => ({ ...data, lot: null }),
);

/**
 * Every older version of each event type, oldest first: the schema that its data had, with a
 * `transform` into the data of the next version. A type's current version is the number of its
 * older versions plus one. Every stored version must stay readable for ever, so never remove one
 * from here. A new version comes with a fixture in `test/events/fixtures/`.
 */
export const olderVersions: { readonly [T in EventType]?: readonly z.ZodType[] } = {
  AccountSummarised: [accountSummarised1],
  ConcertRegistered: [concertDetails1],
  ConcertRevised: [concertDetails1],
  QueueMoved: [queueMoved1],
  QueueSteered: [queueSteered1],
};

/** The newest version of a type. */
export const versionOf = (type: EventType): number => (olderVersions[type]?.length ?? 0) + 1;

/**
 * The version in which an event is written: the oldest one that can say what the event says. So
 * a log stays readable for older releases of the service until it needs something new, and a
 * rollback stays possible. Only concerts have an older version that a release reads. Every other
 * type is written in its newest version.
 */
export function versionToWrite({ type, data }: DomainEvent): number {
  const isOfConcert = type === 'ConcertRegistered' || type === 'ConcertRevised';
  return isOfConcert && data.waitingRoom === undefined ? 1 : versionOf(type);
}
