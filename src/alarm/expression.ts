/**
 * The condition of a rule, as data. The alarm evaluates it, and `reprise alarm rules` prints it as
 * PromQL. The language has only the parts that the rules need.
 */

/** Series of one metric. Patterns are whole matches, as in Prometheus. */
export interface Selector {
  readonly metric: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly matching?: Readonly<Record<string, string>>;
  readonly notMatching?: Readonly<Record<string, string>>;
}

export type Value =
  /** The value of the last round; unknown without a series. */
  | { readonly kind: 'latest'; readonly how: 'max' | 'min' | 'sum'; readonly of: Selector }
  /** The increase of counters in so many seconds. */
  | { readonly kind: 'increase'; readonly of: Selector; readonly seconds: number }
  /** Of a histogram's observations in so many seconds; `of` is its name without `_bucket`. */
  | {
      readonly kind: 'quantile';
      readonly q: number;
      readonly of: Selector;
      readonly seconds: number;
    }
  | { readonly kind: 'share'; readonly part: Value; readonly whole: Value }
  /** Seconds since the time in a metric. */
  | { readonly kind: 'since'; readonly of: Selector }
  | { readonly kind: 'always' };

export type Comparison = '>' | '>=' | '<' | '==';

export type Condition =
  | { readonly kind: 'compare'; readonly left: Value; readonly by: Comparison; right: number }
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  /** No series of this kind was read from any instance. */
  | { readonly kind: 'absent'; readonly of: Selector };

export const latest = (how: 'max' | 'min' | 'sum', of: Selector): Value => ({
  ...{ kind: 'latest', how, of },
});
export const increase = (of: Selector, seconds: number): Value => ({
  ...{ kind: 'increase', of, seconds },
});
export const share = (part: Value, whole: Value): Value => ({ kind: 'share', part, whole });
export const compare = (left: Value, by: Comparison, right: number): Condition => ({
  ...{ kind: 'compare', left, by, right },
});
export const all = (...of: Condition[]): Condition => ({ kind: 'all', of });
export const any = (...of: Condition[]): Condition => ({ kind: 'any', of });

/** What a condition counts over time, each with its window in seconds. */
export function selectorsOf(condition: Condition): readonly (readonly [Selector, number])[] {
  if (condition.kind === 'compare') return ofValue(condition.left);
  return condition.kind === 'absent' ? [] : condition.of.flatMap(selectorsOf);
}

function ofValue(value: Value): readonly (readonly [Selector, number])[] {
  if (value.kind === 'increase') return [[value.of, value.seconds]];
  if (value.kind === 'quantile') return [[bucketsOf(value.of), value.seconds]];
  return value.kind === 'share' ? [...ofValue(value.part), ...ofValue(value.whole)] : [];
}

export const bucketsOf = (of: Selector): Selector => ({ ...of, metric: `${of.metric}_bucket` });
