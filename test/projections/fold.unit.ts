import { expect } from 'chai';
import fc from 'fast-check';
import { fold } from '../../src/projections/engine/fold.ts';
import { statementsOf } from '../../src/projections/engine/statements.ts';
import {
  ensure,
  patch,
  patched,
  put,
  type Row,
  type RowChange,
  type Table,
} from '../../src/projections/models/row-change.ts';
import { applyPlainly } from './support/read-models.ts';

type Thing = {
  readonly id: string;
  readonly part: string;
  readonly name: string;
  readonly count: number;
  readonly total: number;
};

const things: Table<Thing> = {
  name: 'thing',
  columns: { id: 'text', part: 'text', name: 'text', count: 'integer', total: 'bigint' },
  key: ['id', 'part'],
};

const key = fc.record({ id: fc.constantFrom('a', 'b', 'c'), part: fc.constantFrom('1', '2') });
const small = fc.integer({ min: -5, max: 5 });
const thing = fc
  .tuple(key, fc.string(), small, small)
  .map(([k, name, count, total]): Thing => ({ ...k, name, count, total }));
const change: fc.Arbitrary<RowChange> = fc.oneof(
  fc.array(thing, { minLength: 1, maxLength: 3 }).map((rows) => put(things, rows)),
  thing.map((row) => ensure(things, row)),
  fc
    .tuple(key, fc.string(), small)
    .map(([k, name, total]) => patch(things, [k.id, k.part], { name }, { total })),
  fc
    .tuple(key, small, small)
    .map(([k, count, total]) => patch(things, [k.id, k.part], { total }, { count })),
);

/** What the statements of a fold do to rows, in their order. */
function applyFolded(changes: readonly RowChange[], rows: Map<string, Row>): void {
  const keyed = (row: Row) => `${row.id}\u0000${row.part}`;
  for (const { ensures, puts, patches } of fold([{ changes }]).values()) {
    for (const row of ensures.values()) if (!rows.has(keyed(row))) rows.set(keyed(row), row);
    for (const row of puts.values()) rows.set(keyed(row), row);
    for (const one of patches.values()) {
      const at = one.key.join('\u0000');
      const row = rows.get(at);
      if (row !== undefined) rows.set(at, patched(row, one));
    }
  }
}

describe('folding row changes', () => {
  it('comes to the same as one change after another, in any batches', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 4 }), (batches) => {
        // Patches are of rows that exist: every row is there from the start.
        const start = () =>
          new Map<string, Row>(
            ['a', 'b', 'c'].flatMap((id) =>
              ['1', '2'].map((part): [string, Row] => [
                `${id}\u0000${part}`,
                { id, part, name: '', count: 0, total: 0 },
              ]),
            ),
          );
        const plain = start();
        const folded = start();
        for (const batch of batches) {
          for (const one of batch) applyPlainly(one, plain);
          applyFolded(batch, folded);
        }
        expect(folded).to.deep.equal(plain);
      }),
    );
  });

  it('inserts a row that is ensured and then patched', () => {
    const rows = new Map<string, Row>();
    const zero = { id: 'a', part: '1', name: '', count: 0, total: 0 };
    applyFolded(
      [
        ensure(things, zero),
        patch(things, ['a', '1'], {}, { total: 5 }),
        ensure(things, zero),
        patch(things, ['a', '1'], {}, { total: 7 }),
      ],
      rows,
    );
    expect([...rows.values()]).to.deep.equal([{ ...zero, total: 12 }]);
  });

  it('makes one statement of patches to the same columns, whatever their number', () => {
    const changes = Array.from({ length: 500 }, (_, n) =>
      patch(things, [`id${n}`, '1'], { name: 'x' }, { total: n }),
    );
    const [table] = fold([{ changes }]).values();
    if (table === undefined) throw new Error('nothing was folded');
    const statements = [...statementsOf(things, table)];
    expect(statements).to.have.length(1);
    expect(statements[0]?.values).to.have.length(4);
    expect(statements[0]?.values[3]?.split(',')).to.have.length(500);
  });
});
