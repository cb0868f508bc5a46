import type { Expiring } from '../shared-state/expiry-heap.ts';
import { newSecret } from './token.ts';

/** One user's place, admitted or waiting. A class, since a million of them should be small. */
export class Place implements Expiring {
  readonly userId: string;
  readonly number: number;
  /** By what it stands in the line, of who is there: the number, or the rank by lot. */
  rank: number;
  readonly secret = newSecret();
  /** `away` waits outside the line, with its number. */
  state: 'there' | 'away' | 'admitted' | 'claimed' = 'away';
  /** Of who waits: of the last admission, which was not claimed; else 0. */
  admittedAt = 0;
  /** Of who is there: when the next poll is overdue. Of the others: when the place ends. */
  expiresAt: number;
  heapIndex = -1;

  constructor(userId: string, number: number, expiresAt: number) {
    this.userId = userId;
    this.number = number;
    this.rank = number;
    this.expiresAt = expiresAt;
  }

  get isInside(): boolean {
    return this.state === 'admitted' || this.state === 'claimed';
  }
}
