/**
 * The largest number of shown lines. If a file has so many faults, most of them have the same
 * cause.
 */
const linesMax = 200;

/** Every reason why a catalog file cannot be used, one line each with the place in the file. */
export class CatalogFileError extends Error {
  constructor(problems: readonly string[]) {
    const shown = problems.slice(0, linesMax);
    if (problems.length > linesMax) shown.push(`and ${problems.length - linesMax} more`);
    super(`the catalog cannot be used:\n${shown.map((line) => `  ${line}`).join('\n')}`);
    this.name = 'CatalogFileError';
  }
}
