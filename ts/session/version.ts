/** Versions of the session document, `<major>.<minor>`: their form, their order, and which known one a document is read as. */
import { PspError } from '../errors.ts';

/** Whether this is a version: two numbers of at most six digits. */
export function isVersion(value: unknown): value is string {
  return typeof value === 'string' && /^(?:0|[1-9][0-9]{0,5})\.(?:0|[1-9][0-9]{0,5})$/.test(value);
}

/** Negative when `one` is older than `other`. */
export function compareVersions(one: string, other: string): number {
  const [[major, minor], [otherMajor, otherMinor]] = [numbersOf(one), numbersOf(other)];
  return major - otherMajor || minor - otherMinor;
}

/** Whether the two have the same major number. */
export function isSameMajor(one: string, other: string): boolean {
  return numbersOf(one)[0] === numbersOf(other)[0];
}

/**
 * The version among `known` (oldest first) that a document of `version` is read as: itself, or the newest of its major that is older, since within a
 * major a reader keeps the members that it does not know. Null when there is none.
 */
export function readableAs(version: string, known: readonly string[]): string | null {
  if (known.includes(version)) return version;
  return known.filter((one) => isSameMajor(one, version) && compareVersions(one, version) <= 0).at(-1) ?? null;
}

/** The error of a version that is not among those that are `known`; names both. */
export function unsupported(found: string, known: readonly string[]): PspError {
  const supported = known.join(', ');
  return new PspError('SESSION_UNSUPPORTED_VERSION', `session documents of version ${found} are not supported; versions ${supported} are`, {
    details: { found, supported },
  });
}

function numbersOf(version: string): readonly [major: number, minor: number] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return [major, minor];
}
