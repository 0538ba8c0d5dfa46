/** Times, durations, sizes and long texts, as people read them. */

/** A duration in few characters. */
export function duration(seconds: number | null): string {
  if (seconds === null || !(seconds >= 0)) {
    return '';
  }
  if (seconds < 0.0995) {
    return `${Math.round(seconds * 1000)} ms`;
  }
  if (seconds < 9.95) {
    return `${seconds.toFixed(1)} s`;
  }
  if (seconds < 59.5) {
    return `${Math.round(seconds)} s`;
  }
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) {
    return `${minutes} min`;
  }
  const rest = minutes % 60;
  return rest ? `${Math.floor(minutes / 60)} h ${rest} min` : `${minutes / 60} h`;
}

/** A size on disk in few characters. */
export function size(bytes: number): string {
  if (bytes < 1000) {
    return `${bytes} B`;
  }
  let value = bytes;
  for (const unit of ['kB', 'MB', 'GB', 'TB']) {
    value /= 1000;
    if (value < 999.5 || unit === 'TB') {
      return value < 9.95 ? `${value.toFixed(1)} ${unit}` : `${Math.round(value)} ${unit}`;
    }
  }
  return '';
}

/**
 * The language in which dates are written: that of the page, as it is spoken where the user is.
 *
 * Undefined: there is no such language, and the browser decides.
 */
export function localeFor(page: string, preferred: readonly string[]): string | undefined {
  const language = (code: string) => code.toLowerCase().split(/[-_]/)[0];
  const first = preferred.find(code => language(code) === language(page)) ?? page.replace(/_/g, '-');
  try {
    return Intl.getCanonicalLocales(first)[0];
  } catch (error) {
    return undefined;
  }
}

let spoken: string | undefined;

/** Write dates in that language from now on. */
export function speak(locale: string | undefined): void {
  spoken = locale;
}

const FORMS = new Map<string, Intl.DateTimeFormat>();

/** A date in words. Making a formatter takes longer than drawing the row that shows it: each is made once. */
function inWords(date: Date, options: Intl.DateTimeFormatOptions, locale = spoken): string {
  const key = `${locale} ${Object.entries(options)}`;
  let form = FORMS.get(key);
  if (!form) {
    form = new Intl.DateTimeFormat(locale, options);
    FORMS.set(key, form);
  }
  return form.format(date);
}

/** When, as short as it can be said: the clock time today, the day otherwise. */
export function when(unix: number, now: Date, locale?: string): string {
  const date = new Date(unix * 1000);
  if (date.toDateString() === now.toDateString()) {
    return inWords(date, { hour: 'numeric', minute: '2-digit' }, locale);
  }
  const sameYear = date.getFullYear() === now.getFullYear();
  const day: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short' };
  return inWords(date, sameYear ? day : { ...day, year: 'numeric' }, locale);
}

/** When, in full: for tooltips and details. */
export function moment(unix: number, locale?: string): string {
  return inWords(new Date(unix * 1000), { dateStyle: 'medium', timeStyle: 'medium' }, locale);
}

/** At most *limit* of *names*, and how many more there are. */
export function few<T>(names: T[], limit: number): { shown: T[]; more: number } {
  // One more is not worth a "1 more": it takes as much room as the name.
  const shown = names.length <= limit + 1 ? names : names.slice(0, limit);
  return { shown, more: names.length - shown.length };
}
