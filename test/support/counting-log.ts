import { MemoryEventStore } from './memory-event-store.ts';

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

  override readStream(...args: Parameters<MemoryEventStore['readStream']>) {
    return this.#counted(super.readStream(...args));
  }

  override readBackwards(...args: Parameters<MemoryEventStore['readBackwards']>) {
    return this.#counted(super.readBackwards(...args));
  }

  async *#counted(events: ReturnType<MemoryEventStore['readStream']>) {
    this.reads += 1;
    this.#underWay += 1;
    this.readsAtOnce = Math.max(this.readsAtOnce, this.#underWay);
    try {
      for await (const event of events) {
        if (event.revision < this.cutBefore) continue;
        this.read += 1;
        yield event;
      }
    } finally {
      this.#underWay -= 1;
    }
  }
}
