import type { Admission } from './admissions.ts';
import type { QueueMove } from './move.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

/** An admission that passed a waiting user: what the log has about both. */
interface Passed {
  readonly number: number;
  readonly waitsSinceMs: number;
  readonly passing: Admission;
  /** The admission of the user who was passed; undefined if there was none. */
  readonly admittedMs: number | undefined;
}

/** The details of findings, for people. Each is one line. */
export const findingWords = {
  enrolledAgain: (sinceMs: number) =>
    `the log already has a place of this user, from ${iso(sinceMs)}`,
  wrongNumber: (number: number, highest: number) => `number ${number} came after number ${highest}`,
  whileDraining: 'enrolled while an operator had stopped enrolments',
  twice: (atMs: number) => `was already admitted at ${iso(atMs)}`,
  whilePaused: 'admitted while the queue was paused',
  beforeOpening: (opensMs: number) =>
    `admitted before the sale opened at ${iso(opensMs)}, or before the draw`,
  limitLowered: (inside: number, limit: number) =>
    `${inside} users were admitted, and the limit became ${limit} at about this time`,
  unclaimedNotInLog: 'the user did not claim an admission that the log does not have',
  unclaimed: (atMs: number) => `admitted at ${iso(atMs)}, but did not claim the place`,
  endNotInLog: (atMs: number) => `admitted at ${iso(atMs)}`,
  endedNotInLog: 'the end of a place whose admission the log does not have',
  cleared: 'waited when an operator emptied the line',
  overLimitByLog: (inside: number, limit: number) =>
    `by the log, ${inside} users were admitted; the limit is ${limit}`,
  overLimit: (inside: number, limit: number) =>
    `${inside} users were admitted; the limit is ${limit}`,
  away: (number: number) => `number ${number} was admitted first`,
  outOfOrder: ({ number, waitsSinceMs, passing, admittedMs }: Passed) =>
    `number ${number} waited from ${iso(waitsSinceMs)} and was present, but number ` +
    `${passing.number} was admitted first` +
    (admittedMs === undefined ? '' : `; number ${number} was admitted at ${iso(admittedMs)}`),
  steered: (step: string) => `an operator took away the place that was kept for this user: ${step}`,
  gaveWay: 'a user in front got the place that was kept for this user',
  standstill: (fromMs: number) => `the queue moved no user from ${iso(fromMs)} on`,
  notEnrolled: (kind: QueueMove[0]) => `the first move of this place in the log is: ${kind}`,
} as const;
