/** What an element of a line carries; the line owns these fields from when the element joins. */
export interface LineNode<T> {
  /**
   * Its place: no two of a line have the same. It must not change while the element is in the line.
   */
  readonly number: number;
  left: T | undefined;
  right: T | undefined;
  parent: T | undefined;
  /** Elements in the subtree under and including this one. */
  size: number;
  priority: number;
}

/**
 * A line of people by number: join, leave, and know how many stand in front, each in O(log n)
 * expected; to join at the back takes less. A treap: a search tree that random priorities keep
 * shallow. An element finds its rank by climbing.
 */
export class RankedLine<T extends LineNode<T>> {
  #root: T | undefined;
  #last: T | undefined;

  get size(): number {
    return this.#root?.size ?? 0;
  }

  /** Joins behind all with smaller numbers. The element must be in no line. */
  add(node: T): void {
    // A whole number below 2^30, which takes no memory of its own.
    node.priority = Math.floor(Math.random() * 2 ** 30);
    if (this.#last === undefined || node.number > this.#last.number) this.#append(node);
    else this.#insert(node);
  }

  #append(node: T): void {
    let below: T | undefined;
    let above = this.#last;
    while (above !== undefined && above.priority < node.priority) {
      below = above;
      above = above.parent;
    }
    node.left = below;
    node.right = undefined;
    if (below !== undefined) below.parent = node;
    node.size = 1 + (below?.size ?? 0);
    node.parent = above;
    if (above === undefined) this.#root = node;
    else above.right = node;
    for (let at = above; at !== undefined; at = at.parent) at.size += 1;
    this.#last = node;
  }

  #insert(node: T): void {
    let above: T | undefined;
    let at = this.#root;
    while (at !== undefined && at.priority >= node.priority) {
      at.size += 1;
      above = at;
      at = node.number < at.number ? at.left : at.right;
    }
    const [front, back] = split(at, node.number);
    node.left = front;
    node.right = back;
    if (front !== undefined) front.parent = node;
    if (back !== undefined) back.parent = node;
    node.size = 1 + (front?.size ?? 0) + (back?.size ?? 0);
    node.parent = above;
    if (above === undefined) this.#root = node;
    else if (node.number < above.number) above.left = node;
    else above.right = node;
  }

  /** Leaves the line. The element must be in it. */
  remove(node: T): void {
    const { parent } = node;
    const rest = merge(node.left, node.right);
    if (rest !== undefined) rest.parent = parent;
    if (parent === undefined) this.#root = rest;
    else if (parent.left === node) parent.left = rest;
    else parent.right = rest;
    for (let at = parent; at !== undefined; at = at.parent) at.size -= 1;
    if (this.#last !== node) return;
    this.#last = this.#root;
    while (this.#last?.right !== undefined) this.#last = this.#last.right;
  }

  /** How many stand in front of an element of the line. */
  ahead(node: T): number {
    let count = node.left?.size ?? 0;
    for (let at = node; at.parent !== undefined; at = at.parent) {
      if (at.parent.right === at) count += 1 + (at.parent.left?.size ?? 0);
    }
    return count;
  }
}

/** One tree of two, all of `front` before all of `back`. */
function merge<T extends LineNode<T>>(front: T | undefined, back: T | undefined): T | undefined {
  if (front === undefined) return back;
  if (back === undefined) return front;
  if (front.priority > back.priority) {
    front.right = merge(front.right, back);
    if (front.right !== undefined) front.right.parent = front;
    front.size = 1 + (front.left?.size ?? 0) + (front.right?.size ?? 0);
    return front;
  }
  back.left = merge(front, back.left);
  if (back.left !== undefined) back.left.parent = back;
  back.size = 1 + (back.left?.size ?? 0) + (back.right?.size ?? 0);
  return back;
}

/** A tree as two: the numbers below one, and the others. */
function split<T extends LineNode<T>>(
  tree: T | undefined,
  number: number,
): [T | undefined, T | undefined] {
  if (tree === undefined) return [undefined, undefined];
  const isBelow = tree.number < number;
  const [front, back] = split(isBelow ? tree.right : tree.left, number);
  if (isBelow) tree.right = front;
  else tree.left = back;
  const part = isBelow ? front : back;
  if (part !== undefined) part.parent = tree;
  tree.size = 1 + (tree.left?.size ?? 0) + (tree.right?.size ?? 0);
  return isBelow ? [tree, back] : [front, tree];
}
