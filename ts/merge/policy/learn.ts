/** Reads ahead what policies will look into, so that resolving never waits. */
import { isSection, isTextSection, learnBytes, learnHash, type SectionHash } from '../content.ts';
import type { Entry, EntryValue } from '../entry.ts';
import type { PolicyRule } from '../policy.ts';
import { MAX_EVIDENCE_UNITS } from './evidence.ts';
import { compileRules } from './rules.ts';
import { isMembers } from './text.ts';

/**
 * Learns what `resolve` needs to know of sections: their hashes where an entry has several candidates, and their bytes where its policy looks inside, or where
 * a text is short enough to be searched for a token. Without this a section that was not learned is taken to hold nothing that a policy could use.
 * Rejects as `bytes()` of the sections does.
 */
export async function learnConflicts(entries: Iterable<Entry>, policies: readonly PolicyRule[] = [], hashOf?: SectionHash): Promise<void> {
  const rules = compileRules(policies);
  for (const { kind, path, candidates } of entries) {
    if (candidates.length < 2 || candidates.every(({ value }) => typeof value === 'string')) continue;
    const looksInside = rules(kind, path).policy.looksInside === true;
    for (const { value } of candidates) await learnValue(value, looksInside, hashOf);
  }
}

/** Learns the sections in a value, and their bytes where it is to be looked into. */
export async function learnValue(value: EntryValue | undefined, looksInside: boolean, hashOf?: SectionHash): Promise<void> {
  if (isSection(value)) {
    // Whose bytes are known, its hash is.
    if (looksInside || (isTextSection(value) && value.length <= 2 * MAX_EVIDENCE_UNITS)) await learnBytes(value);
    else await learnHash(value, hashOf);
  } else if (Array.isArray(value)) {
    for (const item of value as readonly EntryValue[]) await learnValue(item, looksInside, hashOf);
  } else if (isMembers(value)) {
    for (const member of Object.values(value)) await learnValue(member, looksInside, hashOf);
  }
}
