import { isUtf8 } from 'node:buffer';
import { CatalogFileError } from './catalog-file-error.ts';

/**
 * The text of a catalog file: UTF-8, with or without a byte order mark.
 * @throws CatalogFileError with the probable encoding
 */
export function catalogText(bytes: Buffer): string {
  const why = whyNotUtf8(bytes);
  if (why !== undefined) throw new CatalogFileError([`not UTF-8: ${why}; save it as UTF-8`]);
  const text = bytes.toString('utf8');
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

function whyNotUtf8(bytes: Buffer): string | undefined {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return 'it begins with the byte order mark of UTF-16';
  if (first === 0xfe && second === 0xff) return 'it begins with the byte order mark of UTF-16';
  // JSON begins with an ASCII character. In UTF-16, its other byte is zero.
  if (bytes.length > 1 && (first === 0) !== (second === 0)) return 'it looks like UTF-16';
  if (isUtf8(bytes)) return undefined;
  const { line, byte } = firstFault(bytes);
  const hex = byte.toString(16).toUpperCase();
  return `the byte ${hex} in line ${line} is none, as in files in Latin-1 (ISO 8859-1, Windows-1252)`;
}

/** The line, from 1, and its first byte that is not UTF-8. */
function firstFault(bytes: Buffer): { readonly line: number; readonly byte: number } {
  const text = new TextDecoder('utf-8').decode(bytes);
  // Up to the first replacement character, the text is equal to the file, unless the file itself
  // has that character.
  let at = 0;
  let line = 1;
  for (const character of text) {
    const there = Buffer.from(character);
    const same = bytes.subarray(at, at + there.length).equals(there);
    if (!same) break;
    at += there.length;
    if (character === '\n') line += 1;
  }
  return { line, byte: bytes[at] ?? 0 };
}
