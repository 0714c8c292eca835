/** Which version a document is read as, and the shortest way from one version to another over the steps there are. */
import { invalid } from '../validate.ts';
import { compareVersions, isVersion, readableAs, unsupported } from '../version.ts';
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

/**
 * The known version that a document of version `psp` is read as.
 *
 * @throws PspError `SESSION_INVALID` when this is no version, `SESSION_UNSUPPORTED_VERSION`, which names it and those that are known, for another
 * major.
 */
export function readAs(psp: unknown, known: readonly string[]): string {
  if (!isVersion(psp)) throw invalid('header', '/psp', 'version');
  const version = readableAs(psp, known);
  if (version === null) throw unsupported(psp, known);
  return version;
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
