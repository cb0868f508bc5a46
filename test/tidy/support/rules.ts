import { isNode, type Node, type Placed, type Source } from './sources.ts';

/** The rules of form. Each gives the figure of a file: 0 or the bound and below when it is kept. */

export const functionLinesMax = 70;
export const fileLinesMax = 300;
export const commentColumnsMax = 100;

const lines = ({ loc }: Node): number => loc.end.line - loc.start.line + 1;

const functionTypes = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'ClassMethod',
  'ClassPrivateMethod',
  'ObjectMethod',
]);

/** Lines of the longest function. One that tests or hooks are in is a suite, and may be longer. */
export function longestFunction({ nodes }: Source): number {
  const suites = new Set<Node>();
  for (const { node, parent } of nodes) {
    if (!isSuiteCall(node)) continue;
    for (let one: Placed | undefined = parent; one !== undefined; one = one.parent) {
      suites.add(one.node);
    }
  }
  const functions = nodes.filter(({ node }) => functionTypes.has(node.type) && !suites.has(node));
  return Math.max(0, ...functions.map(({ node }) => lines(node)));
}

const suiteNames = /^(it|itWith\w+|describe|describeWith\w+|before|after|beforeEach|afterEach)$/;

function isSuiteCall({ type, callee }: Node): boolean {
  if (type !== 'CallExpression' || !isNode(callee)) return false;
  const name = callee.type === 'MemberExpression' ? callee.object : callee;
  return isNode(name) && name.type === 'Identifier' && suiteNames.test(String(name.name));
}

export const fileLines = ({ text }: Source): number => text.trimEnd().split('\n').length;

/**
 * Columns of the longest line with a comment in it. A single word, an address for one, cannot be
 * broken.
 */
export function longestComment({ text, comments }: Source): number {
  const all = text.split('\n');
  let longest = 0;
  for (const { loc, value } of comments) {
    if (loc == null || /^\s*(biome-ignore|@ts-)/.test(value)) continue;
    for (let line = loc.start.line; line <= loc.end.line; line += 1) {
      const written = (all[line - 1] ?? '').trimEnd();
      const words = written.replace(/^[\s/*]+/, '').split(' ').length;
      if (words > 1) longest = Math.max(longest, written.length);
    }
  }
  return longest;
}

/** Members with the keyword `private`. A constructor has no `#`. */
export function privateKeywords(source: Source): number {
  return count(source, (node) => node.accessibility === 'private' && node.kind !== 'constructor');
}

/** Constants in capitals with underscores. */
export function capitalConstants(source: Source): number {
  return count(
    source,
    ({ type, id }) =>
      type === 'VariableDeclarator' &&
      isNode(id) &&
      id.type === 'Identifier' &&
      /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(String(id.name)),
  );
}

/** `as unknown as`. */
export function doubleCasts(source: Source): number {
  return count(
    source,
    ({ type, expression }) =>
      type === 'TSAsExpression' &&
      isNode(expression) &&
      expression.type === 'TSAsExpression' &&
      isNode(expression.typeAnnotation) &&
      expression.typeAnnotation.type === 'TSUnknownKeyword',
  );
}

const count = ({ nodes }: Source, is: (node: Node) => boolean): number =>
  nodes.filter(({ node }) => is(node)).length;

const boundNames = /(Max|Min|Ms|Bytes|Seconds|Milliseconds)$/;

/** Names of the bounds that a file exports as constants. */
export function exportedBounds({ nodes }: Source): string[] {
  const names: string[] = [];
  for (const { node, parent } of nodes) {
    const isExported = parent?.parent?.node.type === 'ExportNamedDeclaration';
    if (node.type !== 'VariableDeclarator' || !isExported || !isNode(node.id)) continue;
    if (boundNames.test(String(node.id.name))) names.push(String(node.id.name));
  }
  return names;
}

/** The names that a file uses: to import one, or to give a constant one, is no use. */
export function namesUsed({ nodes }: Source): Set<string> {
  const used = new Set<string>();
  for (const { node, parent } of nodes) {
    if (node.type !== 'Identifier' || parent?.node.type === 'ImportSpecifier') continue;
    if (parent?.node.type === 'VariableDeclarator' && parent.node.id === node) continue;
    used.add(String(node.name));
  }
  return used;
}
