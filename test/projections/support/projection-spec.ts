import { expect } from 'chai';
import { UnreadableEvent } from '../../../src/events/codec.ts';
import type { Row } from '../../../src/projections/models/row-change.ts';
import { recordedOf, type Written } from '../../support/events.ts';
import { rowsFromScratch } from './read-models.ts';

/** Specifies the projections: given events, then the rows of a table. */
export const ProjectionSpec = {
  given: (...events: readonly Written[]): Projected => new Projected(events),
} as const;

/** What the projections make of some events. */
class Projected {
  readonly #events: readonly Written[];

  constructor(events: readonly Written[]) {
    this.#events = events;
  }

  /**
   * The table has these rows and no others, in the order of its key. Only the columns that the
   * expected rows name are compared; each row names the same.
   */
  thenRows(table: string, expected: readonly Row[]): this {
    const columns = Object.keys(expected[0] ?? {});
    const rows = rowsFromScratch(recordedOf(this.#events))[table];
    if (rows === undefined) throw new Error(`there is no table ${table}`);
    const compared = rows.map((row) =>
      Object.fromEntries(columns.map((column) => [column, row[column] ?? null])),
    );
    expect(compared, table).to.deep.equal(expected);
    return this;
  }

  /** The events cannot be read. */
  thenUnreadable(why: string): void {
    expect(() => rowsFromScratch(recordedOf(this.#events))).to.throw(UnreadableEvent, why);
  }
}
