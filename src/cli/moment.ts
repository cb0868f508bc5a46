import { InvalidArgumentError } from 'commander';

/** RFC 3339. */
const pattern =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/**
 * Reads the value of an option: a time, as milliseconds since the epoch. It uses no schema: to load
 * those takes longer than the rest of a command's help.
 */
export function moment(text: string): number {
  const [, year, month, day] = pattern.exec(text) ?? [];
  // A day that its month does not have would be one of the next month.
  const isDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate();
  if (isDay !== Number(day)) {
    throw new InvalidArgumentError('Give a time like 2027-05-01T19:00:00+09:00.');
  }
  return Date.parse(text);
}
