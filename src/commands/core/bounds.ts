import assert from 'node:assert/strict';

/**
 * Asserts that bounds grow in the order in which they are named. Called when a module is loaded, so
 * that a bound that is changed without the one it depends on ends the start, not a request.
 * @throws AssertionError
 */
export function assertAscending(bounds: Readonly<Record<string, number>>): void {
  const inOrder = Object.entries(bounds);
  inOrder.reduce(([lower, low], [higher, high]) => {
    assert(low < high, `${lower} (${low}) must be below ${higher} (${high})`);
    return [higher, high];
  });
}
