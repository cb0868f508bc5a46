import type { Logger } from '../infrastructure/logger.ts';

/**
 * Writes the lines of the start and the stop as log lines. `part` is the subject of a line (`API`,
 * `admin`, `event store`, …), if it has one. Commands to type next are for people, so they are left
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
