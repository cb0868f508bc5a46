import type { Projection } from '../../../src/projections/models/projection.ts';
import { projections } from '../../../src/projections/models/registry.ts';
import type { RowChange, TableShape } from '../../../src/projections/models/row-change.ts';
import { seatProjection, seatTable } from '../../../src/projections/models/seat/projection.ts';

/** The seats as a later version might have them: a column more, one less, another index. */
const { seat_number: _dropped, ...kept } = seatTable.columns;

export const gateTable: TableShape = {
  name: 'seat',
  columns: { ...kept, gate: 'text' },
  key: seatTable.key,
  definition: {
    table: `CREATE TABLE seat (
      session_id text NOT NULL,
      seat_id text NOT NULL,
      ordinal integer NOT NULL,
      section text NOT NULL,
      row_name text NOT NULL,
      price bigint NOT NULL,
      currency text NOT NULL,
      status text NOT NULL,
      reservation_id text,
      user_id text,
      gate text NOT NULL,
      PRIMARY KEY (session_id, seat_id)
    ) WITH (fillfactor = 70)`,
    indexes: ['CREATE INDEX seat_of_gate ON seat (gate, session_id)'],
  },
};

const throughGate = (change: RowChange): RowChange => {
  if (change.kind !== 'put') return { ...change, table: gateTable };
  const rows = change.rows.map(({ seat_number: number, ...row }) => ({
    ...row,
    gate: `gate ${row.section}-${number}`,
  }));
  return { ...change, table: gateTable, rows };
};

const on = Object.fromEntries(
  Object.entries(seatProjection.on).map(([type, handle]) => [
    type,
    (fact: never) => (handle as (fact: never) => readonly RowChange[])(fact).map(throughGate),
  ]),
) as Projection['on'];

const newerSeat: Projection = { name: 'seat', version: 2, tables: [gateTable], on };

/** What a deployment may bring: seats of another shape, everything else as it is. */
export const newerProjections: readonly Projection[] = projections.map((one) =>
  one.name === 'seat' ? newerSeat : one,
);

/** A read model that there was not before: how many seats each user ever held. */
export const visitors: Projection = {
  name: 'visitor',
  version: 1,
  tables: [
    {
      name: 'visitor',
      columns: { user_id: 'text', seats: 'integer' },
      key: ['user_id'],
      definition: {
        table: 'CREATE TABLE visitor (user_id text PRIMARY KEY, seats integer NOT NULL)',
        indexes: [],
      },
    },
  ],
  on: {
    SeatReserved({ data: { userId } }) {
      const [table] = visitors.tables as [TableShape];
      const row = { user_id: userId, seats: 0 };
      return [
        { kind: 'ensure', table, row },
        { kind: 'patch', table, key: [userId], set: {}, add: { seats: 1 } },
      ];
    },
  },
};
