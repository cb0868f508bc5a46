import type { ColumnType } from 'kysely';
import type { AccountRow, PaymentRow } from './account/projection.ts';
import type { ConcertRow } from './concert/projection.ts';
import type { ReservationRow } from './reservation/projection.ts';
import type { SeatRow } from './seat/projection.ts';
import type { SessionRow } from './session/projection.ts';

type ReadAs<T> = ColumnType<T, never, never>;

/** The read models, read-only. Only the engine writes them. */
type ReadOnly<R, Special> = {
  [C in keyof R]: C extends keyof Special ? Special[C] : ReadAs<R[C]>;
};

/** The type in which the pool of infrastructure/postgres.ts reads bigint. */
type Big = ReadAs<bigint>;
type Time = ReadAs<Date>;
type MaybeTime = ReadAs<Date | null>;

/** The tables as Kysely reads them. */
export interface Database {
  concert: ReadOnly<ConcertRow, object>;
  session: ReadOnly<SessionRow, { starts_at: Time; sales_open_at: Time; cancelled_at: MaybeTime }>;
  seat: ReadOnly<SeatRow, { price: Big }>;
  reservation: ReadOnly<
    ReservationRow,
    {
      price: Big;
      reserved_at: Time;
      expires_at: Time;
      resolved_at: MaybeTime;
      unsettled_since: MaybeTime;
    }
  >;
  account: ReadOnly<AccountRow, { balance: Big; held: Big }>;
  payment: ReadOnly<
    PaymentRow,
    {
      amount: Big;
      held_at: Time;
      hold_expires_at: Time;
      resolved_at: MaybeTime;
      refund_due_at: MaybeTime;
    }
  >;
  projection_checkpoint: {
    name: ReadAs<string>;
    version: ReadAs<number>;
    position: ReadAs<bigint | null>;
    prepare: ReadAs<bigint | null>;
    event_position: ReadAs<bigint | null>;
    event_id: ReadAs<string | null>;
    updated_at: Time;
    generation: ReadAs<number>;
    rebuilt_at: MaybeTime;
  };
}
