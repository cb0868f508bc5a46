import { once } from 'node:events';

/** Standard output for results of any length. It writes only as fast as the reader reads. */
export class Output {
  #lost: NodeJS.ErrnoException | undefined;

  constructor() {
    process.stdout.on('error', (error) => {
      this.#lost ??= error;
    });
  }

  /** @throws the error of the output, which accepts no more */
  async write(text: string): Promise<void> {
    this.check();
    if (!process.stdout.write(text)) await once(process.stdout, 'drain');
  }

  /** @throws the error of the output */
  check(): void {
    if (this.#lost !== undefined) throw this.#lost;
  }
}

/** Has the reader closed the output, as `| head` does after its last line? */
export const isReaderGone = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException).code === 'EPIPE';
