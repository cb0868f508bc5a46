import { checkEnvelope, type LogEvent, money, type Report, text, Unreadable } from './finding.ts';

/** The stream in which a log says that it was restored from a backup. */
const restoredStream = 'restored-log';

/** Prefixes of streams that a restore writes, too, but that no read model uses. */
const otherStreams = ['catalog-', 'request-', 'skipped-events', 'queue-'];

/**
 * Checks the events of a log about its own restore. Its first event says that it was restored, and
 * the number of events. These events follow, each with its original time. Then an event says that
 * all are there. The log has nothing else until the sale is opened. A log that was restored from an
 * image says so after the image's last event, and the sale is closed from there on.
 */
export class Restores {
  readonly #report: Report;
  readonly #isProjected: (stream: string) => boolean;
  #begun: LogEvent | undefined;
  #epoch: string | undefined;
  #events = 0;
  #restored = 0;
  #isFinished = false;
  #isOpen = true;

  /** @param isProjected do read models use this stream? */
  constructor(report: Report, isProjected: (stream: string) => boolean) {
    this.#report = report;
    this.#isProjected = isProjected;
  }

  /** The epoch of the log so far. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  see(event: LogEvent): void {
    if (event.stream !== restoredStream) {
      this.#seeOther(event);
      return;
    }
    try {
      checkEnvelope(event);
      this.#seeOwn(event);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#report('unreadable', event, `${event.type}: ${error.message}`);
    }
  }

  /** Called after the last event. */
  conclude(): void {
    if (this.#begun === undefined || this.#isFinished) return;
    this.#report('wrong-restore', this.#begun, `cut short: ${this.#restored} of ${this.#events}`);
  }

  #seeOwn(event: LogEvent): void {
    const epoch = text(event, 'epoch');
    if (event.type === 'LogRestored') {
      if (this.#begun !== undefined || this.#restored > 0) {
        this.#wrong(event, 'it is not the first event of the log');
      }
      this.#begun = event;
      this.#epoch = epoch;
      this.#events = money(event, 'events');
      this.#isOpen = false;
      return;
    }
    if (event.type === 'ImageRestored') {
      if (this.#begun !== undefined && !this.#isFinished) {
        this.#wrong(event, 'the restore before it was not finished');
      }
      this.#begun = event;
      this.#epoch = epoch;
      this.#isFinished = true;
      this.#isOpen = false;
      return;
    }
    if (epoch !== this.#epoch) this.#wrong(event, `it is of ${epoch}, the log is ${this.#epoch}`);
    if (event.type === 'LogRestoreFinished') {
      const told = money(event, 'events');
      const found = `${this.#restored} events were restored, it says ${told} of ${this.#events}`;
      if (told !== this.#restored || told !== this.#events) this.#wrong(event, found);
      this.#isFinished = true;
    } else if (event.type === 'SaleOpened') {
      if (!this.#isFinished) this.#wrong(event, 'the restore was not finished');
      this.#isOpen = true;
    } else if (event.type !== 'LogReconciled') {
      throw new Unreadable('an unknown type');
    }
  }

  #seeOther(event: LogEvent): void {
    const { stream, isRestored = false } = event;
    const name = stream.startsWith('$$') ? stream.slice(2) : stream;
    const isOurs = this.#isProjected(name) || otherStreams.some((one) => name.startsWith(one));
    if (!isOurs) return;
    if (this.#begun === undefined || this.#isFinished) {
      if (isRestored) this.#wrong(event, 'it says that it was restored, and was not');
      else if (!this.#isOpen) this.#wrong(event, 'it was written while the sale was closed');
      if (this.#begun === undefined) this.#restored += 1;
      return;
    }
    this.#restored += 1;
  }

  #wrong(event: LogEvent, detail: string): void {
    this.#report('wrong-restore', event, detail);
  }
}
