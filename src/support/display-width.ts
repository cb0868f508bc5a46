import stringWidth from 'string-width';

/**
 * The number of terminal columns that a text takes. Wide characters of East Asia, including Hangul,
 * take two.
 */
export const displayWidth = (text: string): number => stringWidth(text);

/** The text with spaces behind it, up to so many columns. A wider text stays as it is. */
export const padEnd = (text: string, columns: number): string => text + spaces(text, columns);

/** The text with spaces before it, up to so many columns. A wider text stays as it is. */
export const padStart = (text: string, columns: number): string => spaces(text, columns) + text;

const spaces = (text: string, columns: number): string =>
  ' '.repeat(Math.max(0, columns - displayWidth(text)));

/** The text's words on lines of so many columns at most. A wider word has a line of its own. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
