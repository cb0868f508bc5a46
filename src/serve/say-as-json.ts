import type { Logger } from '../infrastructure/logger.ts';

/**
 * Writes the lines of the start and the stop as log lines. `part` is the subject of a line (`API`,
 * `admin`, `event store`, …), if it has one. Commands to type next are for people, so they are left
 * out.
 */
export function sayAsJson(logger: Pick<Logger, 'info'>): (line: string) => void {
  return (text) => {
    const { part, said } = saidParts(text);
    if (part === undefined) logger.info(said);
    else logger.info({ part }, said);
  };
}

/** The subject of a line of the start or the stop, if any, and the rest of its first line. */
export function saidParts(text: string): { part: string | undefined; said: string } {
  const [line = ''] = text.split('\n', 1);
  const [, part, said = line.trim()] = /^ {2}(\S+(?: \S+)*) {2,}(.+)$/.exec(line) ?? [];
  return { part, said };
}
