/**
 * The keys of a rotation: which open the blobs that are there, which they are to be on, and which may not be rewrapped from. Says of a header
 * whether it is on the wanted keys already, and nothing else.
 */

import { engines } from '../envelope/engine.ts';
import { type Header, WRAP_LOCAL, type Wrap } from '../envelope/header.ts';
import { checkValueOf, EncryptionKey } from '../envelope/key.ts';
import { heldKeysOf, KeyRing, type KeyRingEntry, sealingKeyOf } from '../envelope/keyring.ts';
import { passphraseWork, WRAP_PASSPHRASE } from '../envelope/passphrase-work.ts';
import { runAsync } from '../envelope/steps.ts';
import { forget, verifyHeader } from '../envelope/verify.ts';
import { type KeySource, listKeys } from '../envelope/wrap.ts';
import { WRAP_KMS } from '../envelope/wrapper.ts';
import { PspError } from '../errors.ts';
import { toHex } from './hex.ts';

/**
 * What a rotation goes from and to. A ring alone stands for itself in both places: from every key that it still has, the revoked ones
 * included, to its primary.
 */
export type RotationKeys =
  | KeyRing
  | {
      /** Any of them may open a blob. Of a ring, also its revoked keys: a rotation is what is still done with them. */
      readonly from: KeySource | readonly KeySource[];
      /** Each of them will open every blob, and no other key: 1 to 8 of different names. Of a ring, its primary. */
      readonly to: KeySource | readonly KeySource[];
    };

/** A new data key, or only new wraps of the one that is there; `rewrap.ts` of the envelope says what each helps against. */
export type RotationMode = 'rewrap' | 'reseal';

/** The keys of a rotation that has begun. */
export interface RotationPlan {
  readonly openers: readonly KeySource[];
  /** What every blob is wrapped by in the end; rings have been replaced by their primary. */
  readonly targets: readonly KeySource[];
  /** Those of them that need nothing but the processor. */
  readonly localTargets: readonly EncryptionKey[];
  /** Names of the targets, as they will stand in the blobs. */
  readonly targetKids: readonly string[];
  /** What tells this goal from another: equal texts, equal wraps. Holds no secret. */
  readonly id: string;
  /** Whether a header names the targets, each once, and nobody else. Not authentic by itself: {@link proveHeader}. */
  isCurrent(header: Header): boolean;
  /** The key of a header that somebody else may know, or null. */
  findCompromised(header: Header): string | null;
}

/**
 * The keys of a rotation that begins at `nowMs`. TypeError and RangeError for wrong arguments; `KEY_EXPIRED`: the primary seals no more;
 * `KEY_STATE`: a rewrap, though the ring has a key that was revoked as compromised. That holds until the key is destroyed: a header does not
 * tell whether its data key was ever wrapped by it.
 */
export function planKeys(keys: RotationKeys, mode: RotationMode, nowMs: number): RotationPlan {
  const { from, to } = keys instanceof KeyRing ? { from: keys, to: keys } : keys;
  const sources = [...listKeys(from), ...listKeys(to)];
  const held = sources.flatMap((source) => (source instanceof KeyRing ? heldKeysOf(source) : []));
  const compromised = held.map(({ entry }) => entry).filter(({ revokedFor }) => revokedFor === 'compromised');
  const pending = compromised.find(({ state }) => state === 'revoked');
  if (mode === 'rewrap' && pending !== undefined) throw demandReseal(pending.kid);
  const revoked = held.flatMap(({ entry, key }) => (entry.state === 'revoked' && key !== null ? [key] : []));
  const targets = listKeys(to).map((source) => (source instanceof KeyRing ? sealingKeyOf(source, nowMs) : source));
  const marks = targets.map(markOf);
  return {
    openers: [...sources, ...revoked],
    targets,
    localTargets: targets.filter((target) => target instanceof EncryptionKey),
    targetKids: marks.map(({ kid }) => kid),
    id: JSON.stringify(marks.map(({ type, kid, kcv }) => [type, kid, kcv === null ? null : [...kcv]])),
    isCurrent: ({ wraps }) => wraps.length === marks.length && marks.every((mark) => wraps.some((wrap) => fits(mark, wrap))),
    findCompromised: ({ wraps }) => wraps.find((wrap) => compromised.some((entry) => isOf(entry, wrap)))?.kid ?? null,
  };
}

/** Proves that `key` opens `sealed` and that its header is authentic; the context only when it is given, as canonical bytes. Fails as `open`. */
export async function proveHeader(sealed: Uint8Array, key: KeySource, context: Uint8Array | null): Promise<void> {
  forget(await runAsync(verifyHeader(engines(), sealed, [key], context)));
}

/** `KEY_STATE`: what was wrapped by a compromised key cannot be rewrapped to safety. */
export function demandReseal(kid: string): PspError {
  const message = `key "${kid}": it was revoked as compromised; expected mode reseal, since a rewrap keeps the data key that it wrapped`;
  return new PspError('KEY_STATE', message, { details: { kid, revokedFor: 'compromised' } });
}

/** What a wrap by a target looks like. Only local keys have a check value that is known before it is made. */
interface WrapMark {
  readonly type: number;
  readonly kid: string;
  readonly kcv: Uint8Array | null;
}

function markOf(source: KeySource): WrapMark {
  if (source instanceof EncryptionKey) return { type: WRAP_LOCAL, kid: source.kid, kcv: checkValueOf(source) };
  const passphrase = passphraseWork(source);
  if (passphrase !== null) return { type: WRAP_PASSPHRASE, kid: passphrase.kid, kcv: null };
  // A ring has been replaced by its key.
  return { type: WRAP_KMS, kid: (source as { readonly id: string }).id, kcv: null };
}

function fits({ type, kid, kcv }: WrapMark, wrap: Wrap): boolean {
  return wrap.type === type && wrap.kid === kid && (kcv === null || kcv.every((byte, at) => wrap.kcv[at] === byte));
}

function isOf({ kid, kcv }: KeyRingEntry, wrap: Wrap): boolean {
  return wrap.type === WRAP_LOCAL && wrap.kid === kid && toHex(wrap.kcv) === kcv;
}
