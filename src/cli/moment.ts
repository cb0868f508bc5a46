import { InvalidArgumentError } from 'commander';
import { z } from 'zod';

/** Reads the value of an option: a time, as milliseconds since the epoch. */
export function moment(text: string): number {
  const isTime = z.iso.datetime({ offset: true }).safeParse(text).success;
  if (!isTime) throw new InvalidArgumentError('Give a time like 2027-05-01T19:00:00+09:00.');
  return Date.parse(text);
}
