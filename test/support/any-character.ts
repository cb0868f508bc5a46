import fc from 'fast-check';

const surrogatesFrom = 0xd800;
const surrogatesCount = 0x800;
const charactersCount = 0x110000 - surrogatesCount;

/** The character of a number that does not count the surrogates. */
const character = (n: number): string =>
  String.fromCodePoint(n < surrogatesFrom ? n : n + surrogatesCount);

/** @throws TypeError if the value is not exactly one character */
function numberOf(value: unknown): number {
  const code = typeof value === 'string' ? (value.codePointAt(0) ?? 0) : 0;
  const n = code < surrogatesFrom ? code : code - surrogatesCount;
  if (character(n) !== value) throw new TypeError('not one character');
  return n;
}

/**
 * Each character of Unicode, as `unit` of `fc.string`. `unit: 'binary'` gives the same ones, but
 * makes a table of all of them in each process, which takes two seconds of CPU.
 */
export const anyCharacter: fc.Arbitrary<string> = fc
  .nat({ max: charactersCount - 1 })
  .map(character, numberOf);
