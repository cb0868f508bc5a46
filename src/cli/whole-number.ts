import { InvalidArgumentError } from 'commander';

/** Reads the value of an option: a whole number of so many digits at most. */
export const wholeNumber =
  (digitsMax: number) =>
  (text: string): number => {
    if (!/^[0-9]+$/.test(text) || text.length > digitsMax) {
      throw new InvalidArgumentError('Give a whole number.');
    }
    return Number(text);
  };
