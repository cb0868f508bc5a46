import type { KnownPlace, QueueMove } from '../queue/queue-log.ts';

/** Folds moves into places, in the order of the log. */
export class KnownPlaces {
  readonly #places = new Map<string, KnownPlace>();

  take([kind, userId, number, atMs]: QueueMove): void {
    switch (kind) {
      case 'enrolled':
      case 'unclaimed':
        this.#places.set(userId, { userId, number, admittedAt: undefined });
        break;
      case 'admitted':
        this.#places.set(userId, { userId, number, admittedAt: atMs });
        break;
      case 'away':
      case 'back':
        break;
      case 'left':
      case 'ended':
        // A move of the user's earlier place says nothing about this one.
        if (this.#places.get(userId)?.number === number) this.#places.delete(userId);
        break;
      case 'cleared':
        for (const place of this.#places.values()) {
          if (place.admittedAt === undefined) this.#places.delete(place.userId);
        }
        break;
    }
  }

  /** By number. */
  all(): readonly KnownPlace[] {
    return [...this.#places.values()].sort((a, b) => a.number - b.number);
  }
}
