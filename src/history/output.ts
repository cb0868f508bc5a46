import { once } from 'node:events';

/** Standard output for results of any length: written no faster than it is read. */
export class Output {
  #lost: NodeJS.ErrnoException | undefined;

  constructor() {
    process.stdout.on('error', (error) => {
      this.#lost ??= error;
    });
  }

  /** @throws what happened to the output: it takes no more */
  async write(text: string): Promise<void> {
    this.check();
    if (!process.stdout.write(text)) await once(process.stdout, 'drain');
  }

  /** @throws what happened to the output */
  check(): void {
    if (this.#lost !== undefined) throw this.#lost;
  }
}

/** Did the reader go, as `| head` does when it has seen enough? */
export const isReaderGone = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException).code === 'EPIPE';
