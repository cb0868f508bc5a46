/**
 * Runs `work` on each item, in `limit` lanes, and returns the results in the items' order. A lane
 * ends with its first error. The other lanes continue with the rest.
 * @throws the error of the first lane that failed, after all lanes have ended
 */
export async function eachLimited<Item, Got>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Got>,
): Promise<Got[]> {
  const got: Got[] = [];
  let begun = 0;
  const rest = items[Symbol.iterator]();
  const lane = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) {
      const at = begun;
      begun += 1;
      got[at] = await work(next.value);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: limit }, lane));
  const failed = ended.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
  return got;
}
