import { pause } from '../support/pause.ts';

/** Options of every process, in addition to its work. */
export interface ProcessParts {
  /** Ends the process, after the current round. */
  readonly signal: AbortSignal;
  /** Called for a failed round; the next round tries again. */
  readonly onError: (what: string, error: unknown) => void;
}

/**
 * Runs rounds until the signal aborts. If a round returns that there is more to do, the next one
 * starts at once, otherwise after `idleMs`. A failed round is reported and tried again after
 * `idleMs`; it never ends the process.
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

/** Reports an error once. It reports repetitions that fail in the same way only after a success. */
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
