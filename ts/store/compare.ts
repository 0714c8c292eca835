/**
 * What differs between two blobs, without decoding what is equal: sections with one hash are not read, and of two states only the entries whose bytes
 * differ are parsed. The result is that of decoding both and comparing the sessions.
 */
import { type DecodeOptions, type Frame, readFrame } from '../blob/decode.ts';
import { decodeHashed, decodePart, type HashedSession, readState } from '../blob/hashed.ts';
import { type CompareOptions, type Comparison, checkMeasure, findFirst, type Measure, walkFor } from '../diff/compare.ts';
import { collect, type DiffOptions } from '../diff/diff.ts';
import type { SessionDiff } from '../diff/difference.ts';
import { elideEqual, restoreElided, type SameReference } from '../diff/elide.ts';
import type { SameSection } from '../diff/value.ts';
import { Walk } from '../diff/walk.ts';
import type { Section } from '../session/session.ts';

/** How two blobs are compared. */
export interface BlobDiffOptions extends Omit<DiffOptions, 'sameSection'>, DecodeOptions {}

/** How two blobs are compared by a measure. */
export interface BlobCompareOptions extends Omit<CompareOptions, 'sameSection'>, DecodeOptions {}

/**
 * The differences from blob `a` to blob `b`, each of either framing: what `diffSessions` gives for the decoded sessions. Do not write to the blobs while
 * the result lives: the sections in it refer to them.
 *
 * Sections whose stated hashes are equal are taken as equal and not read; those of records that differ are read, and text that differs. What is equal in
 * both states is not validated.
 *
 * @throws PspError as `decodeSession` does for either blob, the hash of the state included; and as `bytes()` does for a section that is read.
 */
export async function diffBlobs(a: Uint8Array, b: Uint8Array, options: BlobDiffOptions = {}): Promise<SessionDiff> {
  const { reveal = false } = options;
  const [one, other] = await decodeDifferent(a, b, options);
  return collect(new Walk(one.session, other.session, { reveal, sameSection: byHash(one, other) }), reveal);
}

/**
 * Whether two blobs hold the same session by `measure`, and their first difference that counts. Blobs with equal states and sections need no more than
 * their headers, `exact` and functions aside, which see the header's members too.
 *
 * @throws TypeError as `compareSessions` does; PspError as {@link diffBlobs}.
 */
export async function compareBlobs(a: Uint8Array, b: Uint8Array, measure: Measure, options: BlobCompareOptions = {}): Promise<Comparison> {
  const { reveal = false, now } = options;
  checkMeasure(measure, options);
  if ((measure === 'login' || measure === 'cookies') && holdTheSame(a, b)) return { equal: true, first: null };
  // What has expired is told by whole sessions.
  const [one, other] = measure === 'login' ? await decodeBoth(a, b, options) : await decodeDifferent(a, b, options);
  const walk = { reveal, sameSection: byHash(one, other), ...(now === undefined ? {} : { now }) };
  return findFirst(new Walk(one.session, other.session, walkFor(one.session, other.session, measure, walk)), measure);
}

/** Whether states and sections are the same by their hashes; those of the states are checked. */
function holdTheSame(a: Uint8Array, b: Uint8Array): boolean {
  const [frameA, frameB] = [readFrame(a), readFrame(b)];
  readState(a, frameA);
  readState(b, frameB);
  const [one, other] = [frameA.header, frameB.header];
  if (one.state.sha256 !== other.state.sha256 || one.sections.length !== other.sections.length) return false;
  const isSame = sameReference(frameA, frameB);
  return one.sections.every(({ id }) => isSame(id));
}

/** Both sessions, with placeholders for what is equal. */
async function decodeDifferent(a: Uint8Array, b: Uint8Array, options: DecodeOptions): Promise<readonly [HashedSession, HashedSession]> {
  const [frameA, frameB] = [readFrame(a), readFrame(b)];
  const hasSections = frameA.header.sections.length + frameB.header.sections.length > 0;
  const elided = elideEqual(readState(a, frameA), readState(b, frameB), hasSections ? sameReference(frameA, frameB) : null);
  const one = elided === null ? null : decodePart(a, frameA, elided.a.text, options);
  const other = elided === null ? null : decodePart(b, frameB, elided.b.text, options);
  if (elided === null || one === null || other === null) return decodeBoth(a, b, options);
  restoreElided(one.session, elided.a);
  restoreElided(other.session, elided.b);
  return [one, other];
}

async function decodeBoth(a: Uint8Array, b: Uint8Array, options: DecodeOptions): Promise<readonly [HashedSession, HashedSession]> {
  return [await decodeHashed(a, readFrame(a), options), await decodeHashed(b, readFrame(b), options)];
}

/** By what both tables say of a section; its number alone says nothing, since it counts what stands before. */
function sameReference({ header: a }: Frame, { header: b }: Frame): SameReference {
  const inB = new Map(b.sections.map((entry) => [entry.id, entry]));
  const same = new Map(
    a.sections.map((entry) => {
      const other = inB.get(entry.id);
      const { kind, mediaType, rawLength, sha256 } = entry;
      return [
        entry.id,
        other?.sha256 === sha256 && other.rawLength === rawLength && other.mediaType === mediaType && other.kind === kind,
      ] as const;
    }),
  );
  // What neither table has is no section: its bytes are all there is to it.
  return (id) => same.get(id) ?? !inB.has(id);
}

function byHash(one: HashedSession, other: HashedSession): SameSection {
  const hashOf = (section: Section): string | undefined => one.hashes.get(section) ?? other.hashes.get(section);
  return (a, b) => {
    const [hashA, hashB] = [hashOf(a), hashOf(b)];
    return hashA === undefined || hashB === undefined ? undefined : hashA === hashB;
  };
}
