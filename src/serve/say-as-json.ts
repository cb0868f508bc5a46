import type { Logger } from '../infrastructure/logger.ts';

/**
 * Tells the lines of the start and the stop as log lines: `part` is what a line is about (`API`,
 * `admin`, `event store`, …), where it says so. What is to be typed next is for people, and left
 * out.
 */
export function sayAsJson(logger: Pick<Logger, 'info'>): (line: string) => void {
  return (text) => {
    const [line = ''] = text.split('\n', 1);
    const [, part, said] = /^ {2}(\S+(?: \S+)*) {2,}(.+)$/.exec(line) ?? [];
    if (part === undefined) logger.info(line.trim());
    else logger.info({ part }, said);
  };
}
