import type { Dated } from './ends-by-page.ts';
import type { Lot } from './lot.ts';
import { newSecret } from './token.ts';

/**
 * One user's place, admitted or waiting. It is a class because a million of them must need little
 * memory.
 */
export class Place implements Dated {
  readonly userId: string;
  readonly number: number;
  /** The rank in the line of a present user: the number, or the rank by lot. */
  rank: number;
  /** For a present user: the lot for which `rank` is known; null: it is known without a lot. */
  rankedFor: Lot | null = null;
  readonly secret = newSecret();
  /** `away` waits outside the line, with its number. */
  state: 'there' | 'away' | 'admitted' | 'claimed' = 'away';
  /** For a waiting user: the time of the last admission, which was not claimed; else 0. */
  admittedAt = 0;
  /**
   * For a present user, the time when the next poll is overdue. For the others, the end of the
   * place. It begins as a number, and not as undefined. Therefore V8 writes each new end to the
   * same memory.
   */
  expiresAt = 0;
  heapIndex = -1;
  page = -1;
  lineIndex = 0;

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
