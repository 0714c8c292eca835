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
  const ms = Date.parse(text);
  // 30 February reads as another day, which is written differently.
  return ms >= 0 && new Date(ms).toISOString() === text ? ms : null;
}
