import { pause } from '../support/pause.ts';

/** What every process gets in addition to its work. */
export interface ProcessParts {
  /** Ends the process; a round under way is finished first. */
  readonly signal: AbortSignal;
  /** Called for a failed round; the next round tries again. */
  readonly onError: (what: string, error: unknown) => void;
}

/**
 * Runs a round again and again until the signal aborts: at once while a round says that there is
 * more to do, after `idleMs` otherwise. A failed round is reported and tried again after `idleMs`;
 * it never ends the process.
 */
export async function repeat(
  what: string,
  round: () => Promise<'more' | 'idle'>,
  { idleMs, signal, onError }: ProcessParts & { readonly idleMs: number },
): Promise<void> {
  while (!signal.aborted) {
    let next: 'more' | 'idle' = 'idle';
    try {
      next = await round();
    } catch (error) {
      if (!signal.aborted) onError(what, error);
    }
    if (next === 'more' || signal.aborted) continue;
    await pause(idleMs, signal);
  }
}

/** Reports an error once, even when repetitions fail in the same way, until one works. */
export class FailureReport {
  readonly #what: string;
  readonly #onError: ProcessParts['onError'];
  #last = '';

  constructor(what: string, onError: ProcessParts['onError']) {
    this.#what = what;
    this.#onError = onError;
  }

  failed(error: unknown): void {
    const text = String(error);
    if (text !== this.#last) this.#onError(this.#what, error);
    this.#last = text;
  }

  worked(): void {
    this.#last = '';
  }
}
