import type { Language } from './catalogue.ts';

const binaryNames = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

const ages: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** Numbers and times as the language writes them; times in the browser's own zone. */
export interface Formats {
  number(value: number): string;
  /** `1.5 GiB`: in powers of 1024, as the command line says it. */
  bytes(value: number): string;
  percent(share: number): string;
  /** `22 Nov 2026, 07:05` */
  dateTime(iso: string): string;
  /** `Sun, 22 Nov 2026` */
  day(iso: string): string;
  /** `07:05` */
  time(iso: string): string;
  /** `07:05:12` */
  clock(iso: string): string;
  /** `3 hours ago`, `in 2 days` */
  age(iso: string, nowMs?: number): string;
  /** `1 h 5 min`, `12 s` */
  duration(ms: number): string;
}

/** By the region's habits where the browser tells one for the language: `en-GB` writes dates in another order than `en-US`. */
export function createFormats(
  spoken: Language,
  { preferred = [] }: { readonly preferred?: readonly string[] } = {},
): Formats {
  const language = preferred.find((tag) => tag.startsWith(`${spoken}-`)) ?? spoken;
  const whole = new Intl.NumberFormat(language);
  const short = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
  const share = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 });
  const moment = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  const date = new Intl.DateTimeFormat(language, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
  });
  const shortTime = new Intl.DateTimeFormat(language, { timeStyle: 'short' });
  const time = new Intl.DateTimeFormat(language, { timeStyle: 'medium' });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  const unit = (value: number, name: string): string =>
    new Intl.NumberFormat(language, { style: 'unit', unit: name, unitDisplay: 'short' }).format(value);
  return {
    number: (value) => whole.format(value),
    bytes: (value) => {
      let at = 0;
      let rest = value;
      while (rest >= 1024 && at < binaryNames.length - 1) {
        rest /= 1024;
        at += 1;
      }
      return `${short.format(rest)} ${binaryNames[at] ?? ''}`;
    },
    percent: (value) => share.format(value),
    dateTime: (iso) => moment.format(new Date(iso)),
    day: (iso) => date.format(new Date(iso)),
    time: (iso) => shortTime.format(new Date(iso)),
    clock: (iso) => time.format(new Date(iso)),
    age: (iso, nowMs = Date.now()) => {
      const seconds = (new Date(iso).getTime() - nowMs) / 1000;
      for (const [name, length] of ages)
        if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), name);
      return relative.format(0, 'second');
    },
    duration: (ms) => {
      const seconds = Math.max(0, Math.round(ms / 1000));
      if (seconds < 60) return unit(seconds, 'second');
      const minutes = Math.floor(seconds / 60);
      if (minutes < 60) return `${unit(minutes, 'minute')} ${unit(seconds % 60, 'second')}`;
      return `${unit(Math.floor(minutes / 60), 'hour')} ${unit(minutes % 60, 'minute')}`;
    },
  };
}
