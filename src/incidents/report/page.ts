import type { Plot } from './plot.ts';

/** A report before it has a form: Markdown and HTML are made from the same pieces. */
export interface Page {
  readonly lang: Lang;
  readonly title: string;
  /** A line above the title. It distinguishes this kind of report from all others. */
  readonly banner?: string | undefined;
  readonly pieces: readonly Piece[];
  readonly foot: string;
}

export const langs = ['en', 'ko'] as const;
export type Lang = (typeof langs)[number];

/** Texts may contain `code` in backticks, and no other markup. */
export type Piece =
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'lead'; readonly text: string }
  | { readonly kind: 'paragraph'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'table'; readonly head: readonly string[]; readonly rows: readonly Row[] }
  /** The few numbers that matter most. */
  | { readonly kind: 'figures'; readonly figures: readonly Figure[] }
  /** An empty place with questions. People must write this part. */
  | { readonly kind: 'open'; readonly questions: readonly string[] }
  | { readonly kind: 'plot'; readonly plot: Plot };

export type Row = readonly string[];

export interface Figure {
  readonly label: string;
  readonly value: string;
  /** Is it good news, or bad? */
  readonly mood: 'good' | 'bad' | 'plain';
}

export const heading = (text: string): Piece => ({ kind: 'heading', text });
export const paragraph = (text: string): Piece => ({ kind: 'paragraph', text });
export const list = (items: readonly string[]): Piece => ({ kind: 'list', items });
export const table = (head: readonly string[], rows: readonly Row[]): Piece => ({
  ...{ kind: 'table', head, rows },
});
