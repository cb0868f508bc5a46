import type { Facts } from '../facts.ts';
import { engineersEn } from './engineers-en.ts';
import { engineersKo } from './engineers-ko.ts';
import type { Lang } from './page.ts';

/** The words of the report for engineers. Technical terms are the same in both languages. */
export interface EngineersWords {
  readonly title: (title: string, isDrill: boolean) => string;
  readonly drillBanner: string;
  readonly head: Readonly<
    Record<
      'id' | 'status' | 'severity' | 'impact' | 'components' | 'versions' | 'collected' | 'authors',
      string
    >
  >;
  readonly headings: Readonly<
    Record<
      | 'summary'
      | 'impact'
      | 'timeline'
      | 'detection'
      | 'causes'
      | 'resolution'
      | 'failures'
      | 'holds'
      | 'payments'
      | 'silences'
      | 'lessons'
      | 'actions'
      | 'support',
      string
    >
  >;
  readonly measured: (said: string | undefined, measured: string, why: string) => string;
  readonly why: Readonly<Record<Facts['severity']['why'][number]['code'], (n: string) => string>>;
  readonly summary: (parts: {
    readonly from: string;
    readonly length: string;
    readonly isOver: boolean;
    readonly noticedBy: string;
    readonly detect: string;
    readonly failed: string;
    readonly sales: string;
  }) => string;
  readonly unknown: string;
  readonly none: string;
  readonly people: string;
  readonly atLeast: (n: string) => string;
  readonly measure: string;
  readonly value: string;
  readonly rows: Readonly<
    Record<
      | 'began'
      | 'noticed'
      | 'acknowledged'
      | 'eased'
      | 'ended'
      | 'ttd'
      | 'tta'
      | 'ttm'
      | 'ttr'
      | 'requests'
      | 'purchases'
      | 'longest'
      | 'slowest'
      | 'sold'
      | 'reserved'
      | 'silence'
      | 'holds'
      | 'payments'
      | 'halfWay'
      | 'money'
      | 'proof'
      | 'acknowledgedFacts',
      string
    >
  >;
  readonly ofAll: (failed: string, total: string, share: string) => string;
  readonly perMinute: (before: string, during: string, after: string) => string;
  readonly holdsOut: (seats: string, buyers: string, later: string, before: string) => string;
  readonly halfWay: (n: string, unsettled: string, longest: string) => string;
  readonly moved: (sums: readonly string[]) => string;
  readonly sums: Readonly<
    Record<'charged' | 'held' | 'captured' | 'released' | 'refunded', string>
  >;
  readonly proven: (events: string, rows: boolean) => string;
  readonly notProven: (n: string, codes: string) => string;
  readonly missing: (missing: string, all: string) => string;
  readonly table: Readonly<
    Record<
      | 'time'
      | 'source'
      | 'what'
      | 'where'
      | 'alarm'
      | 'fired'
      | 'resolved'
      | 'code'
      | 'count'
      | 'seat'
      | 'settled'
      | 'outcome'
      | 'length'
      | 'owner'
      | 'due'
      | 'kind'
      | 'action',
      string
    >
  >;
  readonly kinds: Readonly<Record<'prevent' | 'detect' | 'mitigate' | 'process', string>>;
  readonly sources: Readonly<Record<'note' | 'alarm' | 'log' | 'service', string>>;
  readonly events: {
    readonly opened: (title: string) => string;
    readonly closed: string;
    readonly firing: (name: string, summary: string) => string;
    readonly resolved: (name: string) => string;
    readonly silence: (length: string) => string;
    readonly holdRanOut: (reservation: string) => string;
    readonly halfWay: (payment: string, length: string, outcome: string) => string;
    readonly mark: Readonly<Record<'began' | 'noticed' | 'eased' | 'ended', string>>;
  };
  readonly noAlarms: string;
  readonly alarmsUnknown: string;
  readonly causeOpen: readonly string[];
  readonly resolutionOpen: readonly string[];
  readonly lessons: Readonly<Record<'well' | 'wrong' | 'lucky', string>>;
  readonly well: {
    readonly proven: string;
    readonly noMissing: string;
    readonly detected: (length: string) => string;
  };
  readonly wrong: {
    readonly noticedByPeople: string;
    readonly halfWay: (n: string) => string;
    readonly holds: (n: string) => string;
  };
  readonly lucky: string;
  readonly actionsOpen: string;
  readonly support: {
    readonly requests: Readonly<Record<'alarm' | 'buyers' | 'service-log', string>>;
    readonly log: string;
    readonly commands: (id: string) => readonly string[];
    readonly unknown: (what: string, why: string) => string;
  };
  readonly plot: {
    readonly title: string;
    readonly names: { readonly line: string; readonly bars: string; readonly shade: string };
  };
  readonly foot: (at: string, zone: string) => string;
}

export const engineersWords: Readonly<Record<Lang, EngineersWords>> = {
  en: engineersEn,
  ko: engineersKo,
};
