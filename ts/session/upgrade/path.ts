/** Which version a document is read as, and the shortest way from one version to another over the steps there are. */
import { PspError } from '../../errors.ts';
import { invalid } from '../validate.ts';
import type { Step } from './step.ts';

/** One step of a way, up or down. */
export interface Leg {
  readonly step: Step;
  readonly way: 'up' | 'down';
}

/** The versions that `steps` join, oldest first. */
export function listVersions(steps: readonly Step[]): readonly string[] {
  return [...new Set(steps.flatMap(({ from, to }) => [from, to]))].sort(compareVersions);
}

/** Negative when `one` is older than `other`. Both are `<major>.<minor>`. */
export function compareVersions(one: string, other: string): number {
  const [[major = 0, minor = 0], [otherMajor = 0, otherMinor = 0]] = [one, other].map((version) => version.split('.').map(Number)) as [
    number[],
    number[],
  ];
  return major - otherMajor || minor - otherMinor;
}

/**
 * The known version that a document of version `psp` is read as: itself, or the newest known one of its major, since within a major a reader keeps
 * the members that it does not know.
 *
 * @throws PspError `SESSION_INVALID` when this is no version, `SESSION_UNSUPPORTED_VERSION`, which names it and those that are known, for another
 * major.
 */
export function readAs(psp: unknown, known: readonly string[]): string {
  if (typeof psp !== 'string' || !/^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})$/.test(psp)) throw invalid('header', '/psp', 'version');
  const [major] = psp.split('.');
  const version = known.filter((one) => one.split('.')[0] === major && compareVersions(one, psp) <= 0).at(-1);
  if (version === undefined) throw unsupported(psp, known);
  return version;
}

/** The error of a version that is not among those that are `known`. */
export function unsupported(found: string, known: readonly string[]): PspError {
  const supported = known.join(', ');
  return new PspError('SESSION_UNSUPPORTED_VERSION', `session documents of version ${found} are not supported; versions ${supported} are`, {
    details: { found, supported },
  });
}

/** The fewest legs from one version to another, none when they are one; null when no way leads there. Breadth first. */
export function findPath(steps: readonly Step[], from: string, to: string): readonly Leg[] | null {
  const ways = new Map<string, readonly Leg[]>([[from, []]]);
  for (const [version, legs] of ways) {
    if (version === to) return legs;
    for (const step of steps) {
      const next = step.from === version ? step.to : step.to === version ? step.from : null;
      if (next === null || ways.has(next)) continue;
      // A Map is walked in the order of insertion, and to its end as it grows.
      ways.set(next, [...legs, { step, way: next === step.to ? 'up' : 'down' }]);
    }
  }
  return null;
}
