import type { Step } from '../log-step.ts';
import type { CommitListener } from '../projector.ts';
import type { Logger } from './options.ts';

/** Those who are told what is committed. One that fails starts anew. */
export class Listeners {
  readonly #all: CommitListener[] = [];
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(listener: CommitListener): void {
    this.#all.push(listener);
  }

  tell(steps: readonly Step[]): void {
    for (const listener of this.#all) {
      try {
        listener.committed(steps);
      } catch (error) {
        this.#logger.error({ err: error }, 'projections: a listener failed, it starts anew');
        listener.reset();
      }
    }
  }

  reset(): void {
    for (const listener of this.#all) listener.reset();
  }
}
