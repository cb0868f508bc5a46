import { everyoneEn } from './everyone-en.ts';
import { everyoneKo } from './everyone-ko.ts';
import type { Format } from './format.ts';
import type { Lang } from './page.ts';

/**
 * The sentences of the report for everybody. The parameters are numbers and times in their written
 * form.
 */
export interface EveryoneWords {
  readonly title: (isDrill: boolean) => string;
  readonly drillBanner: string;
  readonly lead: (when: {
    readonly from: string;
    readonly until: string | undefined;
    readonly length: string;
    readonly isDrill: boolean;
    readonly severity: 'purchases' | 'nothing' | 'slow' | 'unknown';
  }) => string;
  readonly headings: Readonly<
    Record<'what' | 'when' | 'who' | 'todo' | 'done' | 'again' | 'next', string>
  >;
  readonly whatUnknown: string;
  readonly whatOver: (length: string) => string;
  readonly when: Readonly<Record<'began' | 'noticed' | 'eased' | 'ended' | 'lasted', string>>;
  readonly inZone: (zone: string) => string;
  readonly ongoing: string;
  /** The incident was over before anybody noticed it. */
  readonly notNoticed: string;
  readonly atOnce: string;
  readonly within: (length: string) => string;
  readonly figures: Readonly<Record<'failed' | 'lostSeat' | 'doubleSales' | 'wrongMoney', string>>;
  readonly counted: (n: string) => string;
  readonly people: (n: string) => string;
  readonly atLeast: (text: string) => string;
  readonly notYet: string;
  readonly failed: (n: string, share: string | undefined) => string;
  readonly noFailed: string;
  readonly sales: (before: string, during: string, after: string) => string;
  readonly lostSeat: (buyers: string, seats: string, boughtLater: string | undefined) => string;
  readonly noLostSeat: string;
  readonly latePayments: (n: string) => string;
  readonly openPayments: (n: string) => string;
  readonly proven: (seats: string, payments: string) => string;
  readonly notProven: (n: string) => string;
  readonly unproven: string;
  readonly kept: (n: string) => string;
  readonly lost: (n: string) => string;
  readonly todoDrill: string;
  readonly todoBought: string;
  readonly todoUnsure: string;
  readonly todoSeat: string;
  readonly todoWait: string;
  readonly todoHelp: string;
  readonly done: (noticed: string | undefined) => string;
  readonly doneByItself: string;
  readonly checked: string;
  readonly checking: string;
  readonly again: (text: string, due: string) => string;
  readonly againUnknown: string;
  readonly next: string;
  readonly nextNone: string;
  readonly foot: (at: string, zone: string) => string;
  readonly plot: {
    readonly title: string;
    readonly names: { readonly line: string; readonly bars: string; readonly shade: string };
    readonly noticed: string;
    readonly ended: string;
  };
}

export const everyoneWords: Readonly<Record<Lang, EveryoneWords>> = {
  en: everyoneEn,
  ko: everyoneKo,
};

/** A count with its unit, or that it is not known. */
export const countOr = (
  words: EveryoneWords,
  format: Format,
  n: number | undefined,
  unit: 'counted' | 'people' = 'counted',
): string => (n === undefined ? words.notYet : words[unit](format.count(n)));
