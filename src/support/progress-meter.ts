/** The progress of a long command. */
export interface CommandProgress {
  /**
   * Its current step, for example `reading the log`. When it changes, the measurement of the rate
   * starts again.
   */
  readonly doing: string;
  /** The amount that is done, in `unit`s. */
  readonly done: number;
  readonly unit: string;
  /** The total number; undefined if unknown. */
  readonly of?: number | undefined;
  /** The share that is done, 0 to 1, if `of` is unknown. */
  readonly share?: number | undefined;
}

/** The output for progress: `process.stdout`, `process.stderr`, or another stream. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  /** Width of the terminal, in characters. */
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  /** Default: standard output. */
  readonly output?: ProgressOutput;
  /** Shows nothing: for `--json`. Default false. */
  readonly isSilent?: boolean;
  /** The time between two lines if there is no terminal, in milliseconds. Default 5,000. */
  readonly lineMs?: number;
  /** Milliseconds of a clock that does not step. Default `performance.now`. */
  readonly now?: () => number;
}

/** The time between two updates of a terminal's line, in milliseconds. */
const redrawMs = 200;
/** Shortest time between two measurements, in milliseconds. */
const sampleMs = 100;
/**
 * The rate is that of the last few seconds: the weight of older measurements falls to a third in
 * this time. In milliseconds.
 */
const rateMs = 3_000;
/** The assumed width of a terminal that does not report it, in characters. */
const columnsUsual = 80;
/**
 * The largest and the smallest length of the bar, in characters. If the smallest does not fit,
 * there is no bar.
 */
const barMax = 20;
const barMin = 8;

/**
 * The progress of a long command. On a terminal, it updates one line with a bar, the rate and the
 * time left. Elsewhere, it writes a plain line from time to time.
 */
export class ProgressMeter {
  readonly #output: ProgressOutput;
  readonly #isSilent: boolean;
  readonly #everyMs: number;
  readonly #now: () => number;
  readonly #rate = new Rate();
  #shownMs: number;
  #isLineOpen = false;

  constructor(options: ProgressOptions = {}) {
    const { output = process.stdout, isSilent = false, lineMs = 5_000 } = options;
    this.#output = output;
    this.#isSilent = isSilent;
    this.#everyMs = output.isTTY ? redrawMs : lineMs;
    this.#now = options.now ?? (() => performance.now());
    // Without a terminal, a short command writes no line of progress.
    this.#shownMs = output.isTTY ? Number.NEGATIVE_INFINITY : this.#now();
  }

  /** Notes the progress, and shows it at most once per interval. */
  show(progress: CommandProgress): void {
    if (this.#isSilent) return;
    const nowMs = this.#now();
    this.#rate.see(progress, nowMs);
    if (nowMs - this.#shownMs < this.#everyMs) return;
    this.#shownMs = nowMs;
    if (this.#output.isTTY) this.#draw(progress);
    else this.#output.write(`${progress.doing}: ${this.#figures(progress)}\n`);
  }

  /** Writes a line of the result to the output of the progress. */
  line(text: string): void {
    this.clear();
    this.#output.write(`${text}\n`);
  }

  /** Removes the drawn line: before something else is written, and at the end. */
  clear(): void {
    if (this.#isLineOpen) this.#output.write('\r\u001b[K');
    this.#isLineOpen = false;
    if (this.#output.isTTY) this.#shownMs = Number.NEGATIVE_INFINITY;
  }

  #draw(progress: CommandProgress): void {
    // A terminal that does not know its width reports 0.
    const columns = this.#output.columns || columnsUsual;
    const figures = this.#figures(progress);
    const share = shareOf(progress);
    const left = columns - 1 - progress.doing.length - figures.length - 4;
    const bar = share === undefined || left < barMin ? ':' : ` ${barOf(share, left)}`;
    const line = `${progress.doing}${bar} ${figures}`.slice(0, columns - 1);
    this.#output.write(`\r${line}\u001b[K`);
    this.#isLineOpen = true;
  }

  /** `31 %, 1200 of 4000 seats, 310/s, 9 s left` */
  #figures(progress: CommandProgress): string {
    const { done, unit, of } = progress;
    const share = shareOf(progress);
    const { perSecond, sharePerSecond } = this.#rate;
    const parts = [
      share === undefined ? '' : `${Math.floor(100 * share)} %`.padStart(5),
      of === undefined ? `${done} ${unit}` : `${done} of ${of} ${unit}`,
      perSecond > 0 ? `${perSecond.toFixed(0)}/s` : '',
      share !== undefined && share < 1 && sharePerSecond > 0
        ? `${duration((1 - share) / sharePerSecond)} left`
        : '',
    ];
    return parts.filter((part) => part !== '').join(', ');
  }
}

const shareOf = ({ done, of, share }: CommandProgress): number | undefined => {
  const found = share ?? (of === undefined ? undefined : of === 0 ? 1 : done / of);
  return found === undefined ? undefined : Math.min(1, Math.max(0, found));
};

/** The rate, from the progress so far. */
class Rate {
  perSecond = 0;
  sharePerSecond = 0;
  #last: { readonly progress: CommandProgress; readonly atMs: number } | undefined;

  see(progress: CommandProgress, atMs: number): void {
    const last = this.#last;
    if (last === undefined || last.progress.doing !== progress.doing) {
      [this.perSecond, this.sharePerSecond] = [0, 0];
      this.#last = { progress, atMs };
      return;
    }
    if (atMs - last.atMs < sampleMs) return;
    this.#last = { progress, atMs };
    const seconds = (atMs - last.atMs) / 1_000;
    const older = this.perSecond === 0 ? 0 : Math.exp((-1_000 * seconds) / rateMs);
    const mix = (before: number, moved: number) => older * before + (1 - older) * (moved / seconds);
    const moved = (shareOf(progress) ?? 0) - (shareOf(last.progress) ?? 0);
    this.perSecond = mix(this.perSecond, progress.done - last.progress.done);
    this.sharePerSecond = mix(this.sharePerSecond, moved);
  }
}

function barOf(share: number, room: number): string {
  const width = Math.min(barMax, room);
  const full = Math.round(share * width);
  return `[${'#'.repeat(full)}${'-'.repeat(width - full)}]`;
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 100 ? `${whole} s` : `${Math.ceil(whole / 60)} min`;
}
