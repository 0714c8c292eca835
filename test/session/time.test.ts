/** The time of a document, read by arithmetic, against what the platform says of it. */
import { expect, test } from 'vitest';
import { LATEST_TIME, parseTime } from '../../ts/session/time.ts';

/** The plain way: what is no day of the calendar reads as another, which is written differently. */
function byPlatform(text: string): number | null {
  const ms = Date.parse(text);
  return ms >= 0 && new Date(ms).toISOString() === text ? ms : null;
}

const digits = (number: number, width: number): string => String(number).padStart(width, '0');

test('every day and non-day of years of each kind', () => {
  for (const year of [0, 1, 1969, 1970, 1971, 1972, 1999, 2000, 2001, 2100, 2400, 9999]) {
    for (let month = 0; month <= 13; month++) {
      for (let day = 0; day <= 32; day++) {
        const text = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}T00:00:00.000Z`;
        expect(parseTime(text), text).toBe(byPlatform(text));
      }
    }
  }
});

test('times of the day, at their limits and beyond', () => {
  for (const hour of [0, 23, 24, 25]) {
    for (const minute of [0, 59, 60]) {
      for (const second of [0, 59, 60]) {
        const text = `2024-02-29T${digits(hour, 2)}:${digits(minute, 2)}:${digits(second, 2)}.999Z`;
        expect(parseTime(text), text).toBe(byPlatform(text));
      }
    }
  }
});

test('instants all over the range, the first and the last among them', () => {
  for (let at = 0; at <= 20_000; at++) {
    const ms = Math.floor((LATEST_TIME / 20_000) * at);
    expect(parseTime(new Date(ms).toISOString())).toBe(ms);
  }
});

test('every other character in every place', () => {
  const text = '2024-02-29T12:34:56.789Z';
  for (let at = 0; at < text.length; at++) {
    for (let code = 0; code < 128; code++) {
      const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
      expect(parseTime(changed), JSON.stringify(changed)).toBe(byPlatform(changed));
    }
  }
  for (const other of ['', '2024-02-29', '2024-02-29T00:00:00Z', '2024-02-29T12:34:56.789ZZ']) expect(parseTime(other)).toBeNull();
});
