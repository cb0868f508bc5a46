import type { z } from 'zod';

type Issue = Parameters<z.core.$ZodErrorMap>[0];

const types: Readonly<Record<string, string>> = {
  array: 'a list',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'text',
};

/**
 * A text for people that says what a broken rule of a catalog file requires. Rules with their own
 * text keep it.
 */
function words(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is required';
      return `must be ${types[issue.expected] ?? issue.expected}`;
    case 'too_small':
      if (issue.origin !== 'number') return 'must not be empty';
      return `must be ${issue.minimum} at least`;
    case 'too_big':
      return `must be ${issue.maximum}${units[issue.origin] ?? ''} at most`;
    case 'invalid_format':
      return `must match ${issue.pattern}`;
    case 'invalid_union':
      return [...new Set(issue.errors.flat().map(({ message }) => message))].join(', or ');
    case 'unrecognized_keys':
      return `has no field ${issue.keys.join(', ')}`;
    default:
      return undefined;
  }
}

const units: Readonly<Record<string, string>> = {
  array: ' entries',
  string: ' characters',
};

/** How catalog files are checked. */
export const inWords = { error: words };
