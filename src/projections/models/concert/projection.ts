import { pgText } from '../../../support/pg-text.ts';
import type { Fact, Projection } from '../projection.ts';
import { put, type Table } from '../row-change.ts';

export type ConcertRow = {
  readonly concert_id: string;
  readonly title: string;
  readonly venue: string | null;
  /** Position of the last event that changed the row. */
  readonly version: string;
};

export const concertTable: Table<ConcertRow> = {
  name: 'concert',
  columns: { concert_id: 'text', title: 'text', venue: 'text', version: 'bigint' },
  key: ['concert_id'],
};

/** Removes the NUL characters of a title. */
const storable = (text: string): string => pgText(text, '');

const details = ({
  data,
  stream,
  position,
}: Fact<'ConcertRegistered'> | Fact<'ConcertRevised'>) => [
  put(concertTable, [
    {
      concert_id: stream.concertId,
      title: storable(data.title),
      venue: data.venue === undefined ? null : storable(data.venue),
      version: position,
    },
  ]),
];

/** The concerts and their titles. */
export const concertProjection: Projection = {
  name: 'concert',
  version: 1,
  tables: [concertTable],
  on: { ConcertRegistered: details, ConcertRevised: details },
};
