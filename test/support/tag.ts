import { randomBytes } from 'node:crypto';

/**
 * A name that begins with `kind`. No other file or run has this name. Use it for ids in a log to
 * which others write, too.
 */
export const newTag = (kind: string): string => `${kind}${randomBytes(4).toString('hex')}`;
