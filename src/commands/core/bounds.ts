import assert from 'node:assert/strict';

/**
 * Asserts that bounds grow in the order in which they are named. Modules call it when they are
 * loaded. If somebody changes a bound but not the bound that it depends on, the service does not
 * start.
 * @throws AssertionError
 */
export function assertAscending(bounds: Readonly<Record<string, number>>): void {
  const inOrder = Object.entries(bounds);
  inOrder.reduce(([lower, low], [higher, high]) => {
    assert(low < high, `${lower} (${low}) must be below ${higher} (${high})`);
    return [higher, high];
  });
}
