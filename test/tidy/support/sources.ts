import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from '@babel/parser';

/** A node of a syntax tree, as far as the rules look at one. */
export interface Node {
  readonly type: string;
  readonly loc: { readonly start: Place; readonly end: Place };
  readonly [property: string]: unknown;
}

/** A comment, without its marks. */
interface Comment {
  readonly value: string;
  readonly loc?: { readonly start: Place; readonly end: Place } | null | undefined;
}

interface Place {
  /** From 1. */
  readonly line: number;
  /** From 0. */
  readonly column: number;
}

/** A file of the project's code. */
export interface Source {
  /** From the root, with `/`. */
  readonly file: string;
  readonly text: string;
  readonly nodes: readonly Placed[];
  readonly comments: readonly Comment[];
}

/** The folders of the project's own code. */
export const codeFolders = ['src', 'embedded', 'migrations', 'load', 'bench', 'test'] as const;

export type CodeFolder = (typeof codeFolders)[number];

/** The TypeScript files below a folder of the root, each parsed when it is asked for. */
export function* sourcesIn(folder: CodeFolder): Generator<Source> {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(ts|mjs)$/.test(name)) continue;
    const file = path.posix.join(folder, name.split(path.sep).join('/'));
    yield parseSource(file, readFileSync(file, 'utf8'));
  }
}

export function parseSource(file: string, text: string): Source {
  const { program, comments } = parse(text, {
    sourceType: 'module',
    plugins: ['typescript'],
    attachComment: false,
  });
  if (!isNode(program)) throw new Error(`${file}: no program`);
  return { file, text, nodes: nodesOf(program), comments: comments ?? [] };
}

/** A node's place in its tree. */
export interface Placed {
  readonly node: Node;
  readonly parent: Placed | undefined;
}

/** All nodes of a tree, each after the one that it is in. */
function nodesOf(root: Node): Placed[] {
  const all: Placed[] = [{ node: root, parent: undefined }];
  // The loop goes on over what it adds.
  for (const parent of all) {
    for (const name in parent.node) {
      if (name === 'loc' || name === 'comments') continue;
      const value = parent.node[name];
      for (const child of Array.isArray(value) ? value : [value]) {
        if (isNode(child)) all.push({ node: child, parent });
      }
    }
  }
  return all;
}

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && 'loc' in value;

/** What a file imports or exports from others, statically or not: paths as they are written. */
export function importsOf({ nodes }: Source): string[] {
  const found: string[] = [];
  for (const { node } of nodes) {
    const from = isImportCall(node) ? (node.arguments as unknown[])[0] : node.source;
    if (isNode(from) && from.type === 'StringLiteral') found.push(String(from.value));
  }
  return found;
}

const isImportCall = ({ type, callee }: Node): boolean =>
  type === 'CallExpression' && isNode(callee) && callee.type === 'Import';
