/**
 * A time in memory and in a document: integer milliseconds since the epoch, and RFC 3339 in UTC with exactly three decimals, so that an instant has one
 * form. The schema knows the form; what days the calendar has is known here.
 */

/** The last millisecond of the year 9999: the latest time that a document can hold. */
export const LATEST_TIME = 253_402_300_799_999;

/** Whether a document can hold this time: whole milliseconds from 1970 to 9999. */
export function isTime(ms: unknown): ms is number {
  return typeof ms === 'number' && Number.isInteger(ms) && ms >= 0 && ms <= LATEST_TIME;
}

/** Milliseconds since the epoch of a time in the form of the schema, or null for a day that the calendar does not have, or one before 1970. */
export function parseTime(text: string): number | null {
  // Every time of a session comes by here, and `Date.parse` with a look at what `toISOString` makes of it takes ten times as long.
  if (text.length !== 24 || text[4] !== '-' || text[7] !== '-' || text[10] !== 'T') return null;
  if (text[13] !== ':' || text[16] !== ':' || text[19] !== '.' || text[23] !== 'Z') return null;
  const year = readDigits(text, 0, 4);
  const month = readDigits(text, 5, 7);
  const day = readDigits(text, 8, 10);
  const hour = readDigits(text, 11, 13);
  const minute = readDigits(text, 14, 16);
  const second = readDigits(text, 17, 19);
  const ms = readDigits(text, 20, 23);
  if (!(year >= 1970 && month >= 1 && month <= 12 && day >= 1 && hour <= 23 && minute <= 59 && second <= 59 && ms >= 0)) return null;
  if (day > daysInMonth(year, month)) return null;
  return (((daysBefore(year, month) + day - 1) * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + ms;
}

/** The number that the digits from `from` to `to` write; NaN where there is anything else, so that no comparison holds. */
function readDigits(text: string, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    number = 10 * number + digit;
  }
  return number;
}

/** Days of a common year before each month. */
const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function daysInMonth(year: number, month: number): number {
  return month === 2 && isLeap(year) ? 29 : DAYS_BEFORE_MONTH[month]! - DAYS_BEFORE_MONTH[month - 1]!;
}

/** Days from 1 January 1970 to the first of a month (Gregorian). */
function daysBefore(year: number, month: number): number {
  const past = year - 1;
  const leaps = Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400) - 477;
  return 365 * (year - 1970) + leaps + DAYS_BEFORE_MONTH[month - 1]! + (month > 2 && isLeap(year) ? 1 : 0);
}
