import { MemoryEventStore, type NextEvent, Reading } from './memory-event-store.ts';

/** A log in memory that counts its reads. */
export class CountingLog extends MemoryEventStore {
  /** The number of reads that began. */
  reads = 0;
  /** Events that were read. */
  read = 0;
  /** The largest number of reads at the same time. */
  readsAtOnce = 0;
  #underWay = 0;
  /** The first revision that each stream still has. */
  cutBefore = 0n;

  protected override reading(begin: () => NextEvent) {
    return new Reading(
      () => {
        this.reads += 1;
        this.#underWay += 1;
        this.readsAtOnce = Math.max(this.readsAtOnce, this.#underWay);
        const next = begin();
        return () => {
          let event = next();
          while (event !== undefined && event.revision < this.cutBefore) event = next();
          if (event !== undefined) this.read += 1;
          return event;
        };
      },
      () => {
        this.#underWay -= 1;
      },
    );
  }
}
