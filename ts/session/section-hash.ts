/**
 * Hashes that are stated of sections by what they come from: beside the handles, which are plain Sections. Stated, not found: whoever reads the section
 * checks it, and gets an error where it is another one.
 */
import type { Section } from './session.ts';

const stated = new WeakMap<Section, string>();

/** Notes the SHA-256 that is stated of a section's content, in lower-case hexadecimal. Its `bytes()` must reject when the content has another one. */
export function stateHash(section: Section, sha256: string): void {
  stated.set(section, sha256);
}

/** What is stated of a section; undefined where nothing is. */
export function statedHash(section: Section): string | undefined {
  return stated.get(section);
}
