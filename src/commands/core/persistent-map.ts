import { fnv1a } from './fnv1a.ts';

/** Children of a node: so many bits of a key's hash name one of them, per level. */
const bitsOfLevel = 5;
const childrenMax = 1 << bitsOfLevel;
/** A leaf with more entries becomes a node, as long as the hash has bits left. */
const leafEntriesMax = 8;
const hashBits = 32;

type Entry<Value> = readonly [key: string, value: Value];
interface Leaf<Value> {
  readonly entries: readonly Entry<Value>[];
}
interface Branch<Value> {
  readonly children: readonly (Tree<Value> | undefined)[];
}
type Tree<Value> = Leaf<Value> | Branch<Value>;

/**
 * A map whose `with` returns a changed copy and leaves the original as it is. It copies the nodes
 * on the way to one leaf: 4 of 32 children with a million entries. For states that are evolved
 * ahead of their append.
 */
export class PersistentMap<Value> {
  readonly #root: Tree<Value>;

  private constructor(root: Tree<Value>) {
    this.#root = root;
  }

  static empty<Value>(): PersistentMap<Value> {
    return new PersistentMap<Value>({ entries: [] });
  }

  get(key: string): Value | undefined {
    let tree = this.#root;
    for (let hash = fnv1a(key); 'children' in tree; hash >>>= bitsOfLevel) {
      const child = tree.children[hash & (childrenMax - 1)];
      if (child === undefined) return undefined;
      tree = child;
    }
    return entryOf(tree, key)?.[1];
  }

  /** All entries, in no particular order. */
  entries(): Generator<Entry<Value>> {
    return entriesOf(this.#root);
  }

  with(key: string, value: Value): PersistentMap<Value> {
    return new PersistentMap(put(this.#root, [key, value], fnv1a(key), hashBits));
  }
}

const entryOf = <Value>({ entries }: Leaf<Value>, key: string): Entry<Value> | undefined =>
  entries.find(([known]) => known === key);

/** @param hash what of the key's hash is left @param bits how many bits that is */
function put<Value>(
  tree: Tree<Value>,
  entry: Entry<Value>,
  hash: number,
  bits: number,
): Tree<Value> {
  if ('children' in tree) {
    const at = hash & (childrenMax - 1);
    const child = tree.children[at] ?? { entries: [] };
    const children = tree.children.slice();
    children[at] = put(child, entry, hash >>> bitsOfLevel, bits - bitsOfLevel);
    return { children };
  }
  const others = tree.entries.filter(([key]) => key !== entry[0]);
  const entries = [...others, entry];
  return entries.length <= leafEntriesMax || bits < bitsOfLevel
    ? { entries }
    : split(entries, bits);
}

function split<Value>(entries: readonly Entry<Value>[], bits: number): Branch<Value> {
  let branch: Tree<Value> = { children: new Array(childrenMax).fill(undefined) };
  for (const entry of entries) {
    branch = put(branch, entry, fnv1a(entry[0]) >>> (hashBits - bits), bits);
  }
  return branch as Branch<Value>;
}

function* entriesOf<Value>(tree: Tree<Value>): Generator<Entry<Value>> {
  if ('entries' in tree) {
    yield* tree.entries;
    return;
  }
  for (const child of tree.children) if (child !== undefined) yield* entriesOf(child);
}
