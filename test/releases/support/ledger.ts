import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import type { Release } from './release.ts';

/** Enough for all that a buyer pays. */
const charged = 1_000;

/** The longest wait until the lists of a release show what was written. In milliseconds. */
const shownMs = 20_000;

/** What releases told buyers: every release on the same data must say the same. */
export class Ledger {
  /** Status of each reservation, by its id. */
  readonly #reservations = new Map<string, { userId: string; status: 'held' | 'sold' }>();
  readonly #balances = new Map<string, number>();
  #seats = 0;

  /** Two seats of a concert's first session for a new buyer, who pays for the first one. */
  async sell(
    release: Release,
    userId: string,
    { concertId = 'c1', room }: { readonly concertId?: string; readonly room?: string } = {},
  ): Promise<void> {
    await this.charge(release, userId);
    const token = await release.token(userId, room);
    const ids: string[] = [];
    for (let n = 0; n < 2; n += 1) {
      this.#seats += 1;
      const seat = [concertId, `${concertId}-1`, `A-1-${this.#seats}`] as const;
      const { status, body } = await release.reserve(userId, token, ...seat);
      expect(status, JSON.stringify(body)).to.equal(200);
      this.#reservations.set(body.reservationId, { userId, status: 'held' });
      ids.push(body.reservationId);
    }
    await this.#pay(release, userId, token, ids[0] ?? '');
  }

  /** Charges a buyer's account, or repeats the charge, which must have the same answer. */
  async charge(release: Release, userId: string): Promise<void> {
    const { status, body } = await release.charge(userId, charged, `charge-of-${userId}`);
    expect([status, body.balance], JSON.stringify(body)).to.deep.equal([200, charged]);
    if (!this.#balances.has(userId)) this.#balances.set(userId, charged);
  }

  /** The buyer pays for the seat that an earlier release holds. */
  async payHeld(release: Release, userId: string, room?: string): Promise<void> {
    const [id = ''] =
      [...this.#reservations].find(([, one]) => one.userId === userId && one.status === 'held') ??
      [];
    await this.#pay(release, userId, await release.token(userId, room), id);
  }

  /** Every reservation and every balance is what buyers were told. */
  async expectKeptIn(release: Release): Promise<void> {
    const shows = (what: string, path: string, told: Readonly<Record<string, unknown>>) => {
      const matches = async () => {
        const { body } = await release.call('GET', path);
        expect(body).to.include(told);
        return true;
      };
      return eventually(`${what} is shown`, matches, shownMs);
    };
    for (const [id, { userId, status }] of this.#reservations) {
      const path = `/concert/reservation/${id}?userId=${userId}`;
      await shows(`the reservation ${id}`, path, { status });
    }
    for (const [userId, balance] of this.#balances) {
      const path = `/concert/balance?userId=${userId}`;
      await shows(`the balance of ${userId}`, path, { balance, held: 0 });
    }
  }

  async #pay(release: Release, userId: string, token: string, id: string): Promise<void> {
    const { status, body } = await release.pay(userId, token, id);
    expect(status, `${id}: ${JSON.stringify(body)}`).to.equal(200);
    this.#reservations.set(id, { userId, status: 'sold' });
    this.#balances.set(userId, body.balance);
  }
}
