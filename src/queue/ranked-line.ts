/** What an element of a line carries; the line owns these fields from when the element joins. */
export interface LineNode<T> {
  left: T | undefined;
  right: T | undefined;
  parent: T | undefined;
  /** Elements in the subtree under and including this one. */
  size: number;
  priority: number;
}

/**
 * A line of people: join at the back, leave from anywhere, and know how many stand in front, each in
 * O(log n) expected. A treap: a search tree by order of joining that random priorities keep shallow.
 * It needs no keys: the order is the tree's, and an element finds its rank by climbing.
 */
export class RankedLine<T extends LineNode<T>> {
  #root: T | undefined;
  #last: T | undefined;

  get size(): number {
    return this.#root?.size ?? 0;
  }

  /** The element at the front. */
  first(): T | undefined {
    let at = this.#root;
    while (at?.left !== undefined) at = at.left;
    return at;
  }

  /** Joins at the back. The element must be in no line. */
  append(node: T): void {
    // A whole number below 2^30, which takes no memory of its own.
    node.priority = Math.floor(Math.random() * 2 ** 30);
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
