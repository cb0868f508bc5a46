import type { LogEvent, Report } from './finding.ts';

/**
 * Metadata of a stream that hides events from readers of the stream. Readers of the whole log see
 * them until a scavenge.
 */
const hiding = ['$maxCount', '$maxAge', '$tb'] as const;

/** Streams with hidden events. For a reader of such a stream, a sold seat would look free. */
export class Cuts {
  readonly #report: Report;
  readonly #isOurs: (stream: string) => boolean;
  /** The newest metadata of each stream that hides events, by the stream. */
  readonly #cut = new Map<string, LogEvent>();

  constructor(report: Report, isOurs: (stream: string) => boolean) {
    this.#report = report;
    this.#isOurs = isOurs;
  }

  see(event: LogEvent): void {
    if (event.type !== '$metadata') return;
    const stream = event.stream.slice('$$'.length);
    if (!this.#isOurs(stream)) return;
    if (hiding.some((key) => key in event.data)) this.#cut.set(stream, event);
    else this.#cut.delete(stream);
  }

  conclude(): void {
    for (const [stream, event] of this.#cut) {
      const why = hiding.filter((key) => key in event.data).join(', ');
      this.#report('stream-cut', event, `${stream} has ${why}: its events are hidden from it`);
    }
  }
}
