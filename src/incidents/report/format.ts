import type { Lang } from './page.ts';

/** How times, lengths, counts and money are written in a language. */
export interface Format {
  readonly lang: Lang;
  /** `2027년 5월 1일(토) 오후 7시 2분`; with seconds if the incident was short. */
  time(at: string): string;
  /** Only the time of the day, with seconds. */
  clock(at: string): string;
  /** A calendar day like `2027-05-31`. */
  day(date: string): string;
  /** `16분 20초`. */
  length(seconds: number): string;
  count(n: number): string;
  /** 0.123 as `12.3 %`. */
  share(part: number): string;
  /** Whole minor units with their currency. */
  money(minorUnits: number, currency: string): string;
  /** The name of the zone that all times are in. */
  readonly zone: string;
}

const locales: Readonly<Record<Lang, string>> = { en: 'en-GB', ko: 'ko-KR' };

/** @throws RangeError for a time zone that is not known */
export function formatOf(lang: Lang, timeZone: string, { isShort = false } = {}): Format {
  const locale = locales[lang];
  const clock = new Intl.DateTimeFormat('en-GB', { ...clockParts, timeZone });
  const numbers = new Intl.NumberFormat(locale);
  return {
    lang,
    time: (at) => timeOf(lang, partsOf(at, timeZone), isShort),
    clock: (at) => clock.format(new Date(at)),
    day: (date) => dayOf(lang, partsOf(`${date}T00:00:00Z`, 'UTC')),
    length: (seconds) => lengthOf(lang, seconds),
    count: (n) => numbers.format(n),
    share: (part) => shareOf(locale, part),
    money: (units, currency) => moneyOf(locale, units, currency),
    zone: zoneName(locale, timeZone),
  };
}

const clockParts: Intl.DateTimeFormatOptions = {
  ...({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const),
};

/**
 * A time in a zone, made from its parts, because the format of the library differs between
 * versions.
 */
type Parts = Readonly<Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', number>> & {
  /** 0 is Sunday. */
  readonly weekday: number;
};

const weekdays: Readonly<Record<Lang, string>> = {
  en: 'SunMonTueWedThuFriSat',
  ko: '일월화수목금토',
};
const months =
  'January February March April May June July August September October November December';

function partsOf(at: string, timeZone: string): Parts {
  const options: Intl.DateTimeFormatOptions = {
    ...({ year: 'numeric', month: 'numeric', day: 'numeric', weekday: 'short' } as const),
    ...{ ...clockParts, timeZone },
  };
  const parts = new Intl.DateTimeFormat('en-GB', options).formatToParts(new Date(at));
  const part = (wanted: string) => parts.find(({ type }) => type === wanted)?.value ?? '';
  const number = (wanted: string) => Number(part(wanted));
  return {
    ...{ year: number('year'), month: number('month'), day: number('day') },
    ...{ hour: number('hour'), minute: number('minute'), second: number('second') },
    weekday: weekdays.en.indexOf(part('weekday')) / 3,
  };
}

function dayOf(lang: Lang, { year, month, day }: Parts): string {
  if (lang === 'ko') return `${year}년 ${month}월 ${day}일`;
  return `${day} ${months.split(' ')[month - 1]} ${year}`;
}

function timeOf(lang: Lang, parts: Parts, isShort: boolean): string {
  const { hour, minute, second, weekday } = parts;
  const two = (n: number) => String(n).padStart(2, '0');
  const date = dayOf(lang, parts);
  if (lang === 'ko') {
    const half = hour < 12 ? '오전' : '오후';
    const seconds = isShort ? ` ${second}초` : '';
    return `${date}(${weekdays.ko[weekday]}) ${half} ${hour % 12 || 12}시 ${minute}분${seconds}`;
  }
  const seconds = isShort ? `:${two(second)}` : '';
  const name = weekdays.en.slice(weekday * 3, weekday * 3 + 3);
  return `${name} ${date}, ${two(hour)}:${two(minute)}${seconds}`;
}

function shareOf(locale: string, part: number): string {
  // A share above 0 is never written as 0 %.
  if (part > 0 && part < 0.001) return lessThan(locale);
  const digits = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
  return digits.format(part);
}

const lessThan = (locale: string): string => (locale === 'ko-KR' ? '0.1% 미만' : 'less than 0.1%');

function moneyOf(locale: string, units: number, currency: string): string {
  const money = new Intl.NumberFormat(locale, { style: 'currency', currency });
  const { maximumFractionDigits: digits = 0 } = money.resolvedOptions();
  const amount = units / 10 ** digits;
  if (locale === 'ko-KR' && currency === 'KRW') {
    return `${new Intl.NumberFormat(locale).format(amount)}원`;
  }
  return money.format(amount);
}

function zoneName(locale: string, timeZone: string): string {
  const format = new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: 'long' });
  const part = format.formatToParts(new Date(0)).find(({ type }) => type === 'timeZoneName');
  return part?.value ?? timeZone;
}

const units: Readonly<Record<Lang, readonly [string, string, string]>> = {
  en: ['h', 'min', 's'],
  ko: ['시간', '분', '초'],
};

function lengthOf(lang: Lang, seconds: number): string {
  const [hour, minute, second] = units[lang];
  const gap = lang === 'ko' ? '' : ' ';
  if (seconds < 10) return `${Math.round(seconds * 10) / 10}${gap}${second}`;
  const whole = Math.round(seconds);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(whole / 3_600), hour],
    [Math.floor(whole / 60) % 60, minute],
    [whole % 60, second],
  ];
  return parts
    .filter(([n]) => n > 0)
    .slice(0, 2)
    .map(([n, unit]) => `${n}${gap}${unit}`)
    .join(' ');
}
