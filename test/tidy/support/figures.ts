import {
  capitalConstants,
  doubleCasts,
  exportedBounds,
  fileLines,
  longestComment,
  longestFunction,
  namesUsed,
  privateKeywords,
} from './rules.ts';
import { type CodeFolder, importsOf, type Source, sourcesIn } from './sources.ts';

/** The figure of a file by each rule of form. */
const figures = {
  functionLines: longestFunction,
  fileLines,
  commentColumns: longestComment,
  privateKeywords,
  capitalConstants,
  doubleCasts,
} as const satisfies Readonly<Record<string, (source: Source) => number>>;

export type FigureName = keyof typeof figures;

/** What the tests ask about a file. */
export interface Looked {
  /** From the root, with `/`. */
  readonly file: string;
  readonly figures: Readonly<Record<FigureName, number>>;
  readonly exportedBounds: readonly string[];
  readonly namesUsed: ReadonlySet<string>;
  readonly imports: readonly string[];
}

const looked = new Map<CodeFolder, readonly Looked[]>();

/**
 * The files of a folder. They are read once, and only the answers are kept: the garbage collection
 * of the syntax trees of all files takes two seconds.
 */
export function looksAt(folder: CodeFolder): readonly Looked[] {
  const known = looked.get(folder);
  if (known !== undefined) return known;
  const answers: Looked[] = [];
  for (const source of sourcesIn(folder)) answers.push(look(source));
  looked.set(folder, answers);
  return answers;
}

function look(source: Source): Looked {
  const values = Object.entries(figures).map(([name, figure]) => [name, figure(source)]);
  return {
    file: source.file,
    figures: Object.fromEntries(values) as Looked['figures'],
    exportedBounds: exportedBounds(source),
    namesUsed: namesUsed(source),
    imports: importsOf(source),
  };
}
