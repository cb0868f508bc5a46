import type { Facts } from '../facts.ts';
import { escaped } from './escaped.ts';
import type { Format } from './format.ts';

/** Sales and failures around an incident, as a picture. Times are milliseconds since the epoch. */
export interface Plot {
  readonly title: string;
  /** What each line shows; `bars` are failures. */
  readonly names: { readonly line: string; readonly bars: string; readonly shade: string };
  readonly startsMs: number;
  readonly bucketSeconds: number;
  /** Seats that were sold, per minute. */
  readonly line: readonly number[];
  /** Failed requests, per minute; empty if they are unknown. */
  readonly bars: readonly number[];
  readonly shade: readonly [fromMs: number, untilMs: number];
  readonly marks: readonly { readonly atMs: number; readonly label: string }[];
  readonly clock: (at: string) => string;
}

/** @returns undefined when neither sales nor requests are known */
export function plotOf(
  { log, requests, lines, collectedAt }: Facts,
  format: Format,
  words: {
    readonly title: string;
    readonly names: Plot['names'];
    readonly marks: readonly (readonly [at: string | null, label: string])[];
  },
): Plot | undefined {
  const series = log?.series ?? requests?.series;
  if (series === undefined) return undefined;
  const { bucketSeconds } = series;
  const perMinute = (counts: readonly number[] = []) => counts.map((n) => (n * 60) / bucketSeconds);
  return {
    ...{ title: words.title, names: words.names, bucketSeconds, clock: format.clock },
    startsMs: Date.parse(series.startsAt),
    line: perMinute(log?.series.sold),
    bars: perMinute(requests?.series.failed),
    shade: [Date.parse(lines.began), Date.parse(lines.ended ?? collectedAt)],
    marks: words.marks.flatMap(([at, label]) =>
      at === null ? [] : [{ atMs: Date.parse(at), label }],
    ),
  };
}

const size = { width: 760, height: 260, left: 52, right: 52, top: 34, bottom: 30 };
const colours = {
  ...{ line: '#1f6feb', bars: '#cf222e', shade: '#fff1e5', axis: '#8c959f', text: '#424a53' },
};
/** Marks closer than this to each other, in pixels, are written on another line. */
const markGap = 90;

/** A picture that needs no script, no font and no other file. */
export function svgOf(plot: Plot): string {
  const { width, height, left, right, top, bottom } = size;
  const pieces = Math.max(plot.line.length, plot.bars.length, 1);
  const spanMs = pieces * plot.bucketSeconds * 1_000;
  const x = (atMs: number) =>
    round(left + ((atMs - plot.startsMs) / spanMs) * (width - left - right));
  const scaleOf = (values: readonly number[]) => {
    const max = niceMax(Math.max(1, ...values));
    return { max, y: (value: number) => round(height - bottom - (value / max) * bodyHeight) };
  };
  const bodyHeight = height - top - bottom;
  const [sales, failures] = [scaleOf(plot.line), scaleOf(plot.bars)];
  const atMs = (index: number) => plot.startsMs + index * plot.bucketSeconds * 1_000;
  const barWidth = Math.max(1, round(x(atMs(1)) - x(atMs(0)) - 1));
  const clamp = (px: number) => Math.min(width - right, Math.max(left, px));
  const [shadeFrom, shadeUntil] = [clamp(x(plot.shade[0])), clamp(x(plot.shade[1]))];
  const bars = plot.bars.map((value, index) => {
    const y = failures.y(value);
    if (value === 0) return '';
    return `<rect x="${x(atMs(index))}" y="${y}" width="${barWidth}" height="${round(height - bottom - y)}" fill="${colours.bars}" opacity="0.55"/>`;
  });
  const middle = (index: number) => x(atMs(index) + plot.bucketSeconds * 500);
  const points = plot.line.map((value, index) => `${middle(index)},${sales.y(value)}`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height + 26}" role="img" aria-label="${escaped(plot.title)}" font-family="system-ui, sans-serif" font-size="11" fill="${colours.text}">`,
    `<rect x="${shadeFrom}" y="${top}" width="${Math.max(1, round(shadeUntil - shadeFrom))}" height="${bodyHeight}" fill="${colours.shade}"/>`,
    ...axis(sales.max, sales.y, { x: left - 6, anchor: 'end', colour: colours.line }),
    ...(plot.bars.length === 0
      ? []
      : axis(failures.max, failures.y, {
          ...{ x: width - right + 6, anchor: 'start', colour: colours.bars },
        })),
    `<line x1="${left}" y1="${height - bottom}" x2="${width - right}" y2="${height - bottom}" stroke="${colours.axis}"/>`,
    ...bars,
    points.length === 0
      ? ''
      : `<polyline points="${points.join(' ')}" fill="none" stroke="${colours.line}" stroke-width="2" stroke-linejoin="round"/>`,
    ...marksOf(plot, x, clamp),
    ...times(plot, x, spanMs),
    ...legend(plot),
    '</svg>',
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function axis(
  max: number,
  y: (value: number) => number,
  { x, anchor, colour }: { readonly x: number; readonly anchor: string; readonly colour: string },
): string[] {
  return [0, max / 2, max].map(
    (value) =>
      `<text x="${x}" y="${y(value) + 4}" text-anchor="${anchor}" fill="${colour}">${value}</text>`,
  );
}

function marksOf(
  { marks }: Plot,
  x: (atMs: number) => number,
  clamp: (px: number) => number,
): string[] {
  const { height, top, bottom, width, right } = size;
  let lastX = Number.NEGATIVE_INFINITY;
  let row = 0;
  return marks.flatMap(({ atMs, label }) => {
    const at = clamp(x(atMs));
    row = at - lastX < markGap ? (row + 1) % 3 : 0;
    lastX = at;
    const isLate = at > width - right - markGap;
    const anchor = isLate ? 'end' : 'start';
    return [
      `<line x1="${at}" y1="${top - 4}" x2="${at}" y2="${height - bottom}" stroke="${colours.axis}" stroke-dasharray="3 3"/>`,
      `<text x="${at + (isLate ? -4 : 4)}" y="${top + 8 + row * 13}" text-anchor="${anchor}">${escaped(label)}</text>`,
    ];
  });
}

function times({ startsMs, clock }: Plot, x: (atMs: number) => number, spanMs: number): string[] {
  return [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const atMs = startsMs + share * spanMs;
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    const text = clock(new Date(atMs).toISOString());
    return `<text x="${x(atMs)}" y="${size.height - size.bottom + 16}" text-anchor="${anchor}">${escaped(text)}</text>`;
  });
}

function legend({ names, bars, line }: Plot): string[] {
  const y = size.height + 12;
  const entries = [
    ...(line.length === 0 ? [] : [[names.line, colours.line]]),
    ...(bars.length === 0 ? [] : [[names.bars, colours.bars]]),
    [names.shade, '#ffc680'],
  ];
  const step = (size.width - size.left - size.right) / entries.length;
  return entries.flatMap(([name = '', colour = ''], at) => {
    const x = round(size.left + at * step);
    return [
      `<rect x="${x}" y="${y - 8}" width="10" height="10" fill="${colour}"/>`,
      `<text x="${x + 15}" y="${y + 1}">${escaped(name)}</text>`,
    ];
  });
}

/** 1, 2 or 5 times a power of ten, at or above a value. */
function niceMax(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

const round = (value: number): number => Math.round(value * 10) / 10;
