import { randomBytes } from 'node:crypto';

/**
 * A name that begins with `kind` and that no other file or run has: for ids in a log that others
 * write to, too.
 */
export const newTag = (kind: string): string => `${kind}${randomBytes(4).toString('hex')}`;
