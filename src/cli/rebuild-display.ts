import type { RebuildProgress } from '../projections/rebuild/options.ts';

/** How often a terminal's line is written again, and how often a line is printed elsewhere; in ms. */
const redrawMs = 200;
const lineMs = 2_000;

/** The rate is of about the last few seconds: the weight of what is older falls to a third in this time. */
const rateMs = 3_000;

/** How far a rebuild is, in words: give it all progress that there is. */
export class RebuildMeter {
  #last: { readonly atMs: number; readonly events: number; readonly position: bigint } | undefined;
  #eventsPerSecond = 0;
  #positionsPerSecond = 0;

  see({ step, events, position }: RebuildProgress): void {
    if (step !== 'filling') return;
    const now = { atMs: performance.now(), events, position: position ?? 0n };
    const last = this.#last;
    this.#last = now;
    if (last === undefined) return;
    const seconds = Math.max(0.001, (now.atMs - last.atMs) / 1_000);
    const older = this.#eventsPerSecond === 0 ? 0 : Math.exp((-1_000 * seconds) / rateMs);
    const mix = (before: number, moved: number) => older * before + (1 - older) * (moved / seconds);
    this.#eventsPerSecond = mix(this.#eventsPerSecond, now.events - last.events);
    this.#positionsPerSecond = mix(this.#positionsPerSecond, Number(now.position - last.position));
  }

  describe({ step, events, position, target }: RebuildProgress): string {
    if (step !== 'filling') return `${step} the new tables: ${events} events`;
    // Positions stand for the events: nobody knows their number without reading all of them.
    const share = target ? Number(position ?? 0n) / Number(target) : 1;
    const missing = Number((target ?? 0n) - (position ?? 0n));
    const left =
      this.#positionsPerSecond > 0 ? `, ${duration(missing / this.#positionsPerSecond)} left` : '';
    return `filling ${(100 * share).toFixed(0).padStart(3)} %: ${events} events, ${this.#eventsPerSecond.toFixed(0)}/s${left}`;
  }
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 100 ? `${whole} s` : `${Math.ceil(whole / 60)} min`;
}

/**
 * One line that is rewritten when it goes to a terminal, a plain line from time to time elsewhere. It takes standard
 * error when standard output is for rows that differ.
 */
export class RebuildDisplay {
  readonly #stream: NodeJS.WriteStream;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #isLineOpen = false;
  #step: RebuildProgress['step'] | undefined;
  readonly #meter = new RebuildMeter();

  constructor(rowsOnOutput: boolean) {
    this.#stream = rowsOnOutput ? process.stderr : process.stdout;
  }

  show(progress: RebuildProgress): void {
    this.#meter.see(progress);
    const now = performance.now();
    const every = this.#stream.isTTY ? redrawMs : lineMs;
    if (progress.step === this.#step && now - this.#drawnMs < every) return;
    this.#step = progress.step;
    this.#drawnMs = now;
    const text = this.#meter.describe(progress);
    if (this.#stream.isTTY)
      this.#stream.write(`\r${text.slice(0, this.#stream.columns - 1)}\x1b[K`);
    else this.#stream.write(`${text}\n`);
    this.#isLineOpen = this.#stream.isTTY;
  }

  line(text: string): void {
    this.end();
    this.#stream.write(`${text}\n`);
  }

  /** Nothing is left of the line that is rewritten. */
  end(): void {
    if (this.#isLineOpen) this.#stream.write('\r\x1b[K');
    this.#isLineOpen = false;
  }
}
