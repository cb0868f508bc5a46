import { randomBytes, randomUUID } from 'node:crypto';
import { ANY, type EventStoreDBClient, jsonEvent } from '@eventstore/db-client';

/** What to write, by a name for it, and the codes of the violations that must be found. */
export type Corruptions = Readonly<
  Record<string, readonly [codes: string[], plant: (world: World) => Promise<void>]>
>;

type Data = Record<string, unknown>;

type Listed = Data & { readonly charges?: readonly Data[]; readonly payments?: readonly Data[] };

/** Ids, with the revisions of the events that name them. */
export type Named = readonly (readonly [id: string, revision: number])[];

/**
 * As `AccountIndexed` has them: FNV-1a of the id and the revision's block of 512, each once, in
 * order.
 */
function doublesOf(named: Named): string {
  const entries = named.map(([id, revision]) => {
    let hash = 2_166_136_261;
    for (const char of id) hash = Math.imul(hash ^ char.charCodeAt(0), 16_777_619);
    return (hash >>> 0) * 2 ** 21 + Math.floor(revision / 512);
  });
  const sorted = [...new Set(entries)].sort((a, b) => a - b);
  return Buffer.from(Float64Array.from(sorted).buffer).toString('base64');
}

/**
 * A little world of its own in the log: a session with two seats, a buyer with money, another one.
 */
export class World {
  readonly session = `s${randomBytes(5).toString('hex')}`;
  readonly buyer = `b${this.session}`;
  readonly other = `o${this.session}`;
  readonly #client: EventStoreDBClient;

  constructor(client: EventStoreDBClient) {
    this.#client = client;
  }

  async begin(): Promise<void> {
    await this.write(`concert-c${this.session}`, 'ConcertRegistered', { title: 'T' });
    await this.scheduleSession(`concert-c${this.session}`);
    for (const user of [this.buyer, this.other]) {
      await this.account(user, 'BalanceCharged', {
        chargeId: 'first',
        amount: 1_000,
        currency: 'KRW',
        balance: 1_000,
        at: '2026-01-01T00:00:00.000Z',
      });
    }
  }

  /** As `begin`, and the catalog says whose the session is. */
  async beginClaimed(): Promise<void> {
    await this.begin();
    const claimed = { concertId: `c${this.session}`, sessionIds: [this.session] };
    await this.write('catalog-sessions', 'SessionsClaimed', claimed);
  }

  scheduleSession(stream: string): Promise<void> {
    return this.write(stream, 'SessionScheduled', {
      sessionId: this.session,
      startsAt: '2031-01-01T00:00:00.000Z',
      salesOpenAt: '2020-01-01T00:00:00.000Z',
      currency: 'KRW',
      sections: [{ section: 'A', price: 100, rows: [{ row: '1', seats: [1, 2] }] }],
    });
  }

  cancelSession(): Promise<void> {
    const data = { sessionId: this.session };
    return this.write(`concert-c${this.session}`, 'SessionCancelled', data);
  }

  /** @param schemaVersion null: another program's, without metadata */
  async write(
    stream: string,
    type: string,
    data: Data,
    schemaVersion: number | null = 1,
    commandId?: string,
  ): Promise<void> {
    const metadata = { schemaVersion, ...(commandId === undefined ? {} : { commandId }) };
    const event = jsonEvent({ type, data, ...(schemaVersion === null ? {} : { metadata }) });
    await this.#client.appendToStream(stream, event, { expectedRevision: ANY });
  }

  /** As an operator skips an event; `mark` is what its stream says that differs from that. */
  async skip(
    stream: string,
    revision: bigint,
    { isAnnounced = true, mark = {} }: { isAnnounced?: boolean; mark?: Data } = {},
  ): Promise<void> {
    const events: { id: string; revision: bigint; type: string }[] = [];
    for await (const { event } of this.#client.readStream(stream)) if (event) events.push(event);
    const named = events.find((event) => event.revision === revision);
    const skip = { revision: Number(revision), eventId: named?.id ?? randomUUID() };
    const markId = randomUUID();
    if (isAnnounced) {
      const at = { position: '1', markRevision: events.length, markId };
      await this.write('skipped-events', 'SkipAnnounced', { ...skip, stream, ...at });
    }
    const data = { ...skip, type: named?.type ?? 'None', why: 'y', reason: 'r', ...mark };
    const metadata = { schemaVersion: 1 };
    const event = jsonEvent({ id: markId, type: 'EventSkipped', data, metadata });
    await this.#client.appendToStream(stream, event, { expectedRevision: ANY });
  }

  async deleteSeat(seat = 'A-1-1'): Promise<void> {
    await this.#client.deleteStream(`seat-${this.session}/${seat}`);
  }

  /** Events of the buyer's account that its stream shows; undefined: all. */
  async limitAccount(maxCount: number | undefined): Promise<void> {
    const limit = maxCount === undefined ? {} : { maxCount };
    await this.#client.setStreamMetadata(`account-${this.buyer}`, limit);
  }

  reservation(seat = 'A-1-1', turn = 1): string {
    return `${this.session}.${seat}.${turn}`;
  }

  seat(type: string, data: Data = {}, seat = 'A-1-1'): Promise<void> {
    const reservationId = this.reservation(seat);
    return this.write(`seat-${this.session}/${seat}`, type, {
      reservationId,
      userId: this.buyer,
      ...(type === 'SeatReserved'
        ? { price: 100, currency: 'KRW', expiresAt: new Date(Date.now() + 300_000).toISOString() }
        : {}),
      ...(type === 'SeatSold' ? { paymentId: `pay.${reservationId}` } : {}),
      ...(type === 'SeatReleased' ? { reason: 'expired' } : {}),
      ...data,
    });
  }

  account(user: string, type: string, data: Data): Promise<void> {
    return this.write(`account-${user}`, type, data);
  }

  payment(type: string, data: Data = {}, seat = 'A-1-1', user = this.buyer): Promise<void> {
    const reservationId = this.reservation(seat);
    return this.account(user, type, {
      paymentId: `pay.${reservationId}`,
      reservationId,
      amount: 100,
      ...(type === 'PaymentHeld'
        ? {
            currency: 'KRW',
            balance: 900,
            holdExpiresAt: '2031-01-01T00:00:00.000Z',
            at: '2026-01-01T00:00:00.000Z',
          }
        : {}),
      ...(type === 'PaymentReleased' ? { reason: 'hold-expired' } : {}),
      ...data,
    });
  }

  get orderReservation(): string {
    return `order.o${this.session}`;
  }

  order(type: string, data: Data = {}): Promise<void> {
    const placed = {
      reservationId: this.orderReservation,
      sessionId: this.session,
      userId: this.buyer,
      seats: ['A-1-1', 'A-1-2'].map((seatId) => ({ seatId, price: 100 })),
      price: 200,
      currency: 'KRW',
      expiresAt: new Date(Date.now() + 300_000).toISOString(),
    };
    return this.write(`order-o${this.session}`, type, {
      ...(type === 'OrderPlaced' ? placed : {}),
      ...(type === 'OrderPaid' ? { paymentId: `pay.${this.orderReservation}` } : {}),
      ...data,
    });
  }

  orderSeat(type: string, seat: string, data: Data = {}): Promise<void> {
    const order = type === 'SeatReserved' ? { orderId: `o${this.session}` } : {};
    const sold = type === 'SeatSold' ? { paymentId: `pay.${this.orderReservation}` } : {};
    return this.seat(type, { ...order, ...sold, ...data }, seat);
  }

  orderPayment(type: string, data: Data = {}): Promise<void> {
    const reservationId = this.orderReservation;
    const paymentId = `pay.${reservationId}`;
    return this.payment(type, { paymentId, reservationId, amount: 200, ...data });
  }

  async reserveOrder(): Promise<void> {
    await this.order('OrderPlaced');
    for (const seat of ['A-1-1', 'A-1-2']) await this.orderSeat('SeatReserved', seat);
    await this.order('OrderConfirmed');
  }

  async buyOrder(): Promise<void> {
    await this.reserveOrder();
    await this.orderPayment('PaymentHeld', { balance: 800 });
    await this.order('OrderPaid');
    for (const seat of ['A-1-1', 'A-1-2']) await this.orderSeat('SeatSold', seat);
    await this.orderPayment('PaymentCaptured');
    await this.order('OrderSettled');
  }

  summary({ charges = [], payments = [], ...data }: Listed = {}): Promise<void> {
    return this.account(this.buyer, 'AccountSummarised', {
      currency: 'KRW',
      balance: 1_000,
      held: 0,
      latestAt: '2030-01-01T00:00:00.000Z',
      charges: charges.map((charge) => ({ at: '2026-01-01T00:00:00.000Z', ...charge })),
      payments: payments.map((payment) => ({
        holdExpiresAt: '2031-01-01T00:00:00.000Z',
        ...payment,
      })),
      ...data,
    });
  }

  /** An index of the buyer's account, which tells what these events name: `[id, revision]`. */
  index(data: Data, entries: Named = [], refunds: Named = []): Promise<void> {
    return this.account(this.buyer, 'AccountIndexed', {
      from: 0,
      countsUntil: '2031-01-01T00:01:00.000Z',
      entries: doublesOf(entries),
      refunds: doublesOf(refunds),
      ...data,
    });
  }

  totals(data: Data): Promise<void> {
    return this.account(this.buyer, 'AccountTotalled', {
      currency: 'KRW',
      balance: 1_000,
      held: 0,
      captured: 0,
      latestAt: '2026-01-01T00:00:00.000Z',
      payments: [],
      ...data,
    });
  }

  async buy(): Promise<void> {
    await this.seat('SeatReserved');
    await this.payment('PaymentHeld');
    await this.seat('SeatSold');
    await this.payment('PaymentCaptured');
  }
}
