/** The rotation of one blob in memory: made anew on other keys, and proven there before anybody puts it anywhere. */

import { encodeContext, type SealContext } from '../envelope/context.ts';
import { type Header, parseHeader } from '../envelope/header.ts';
import { openSealed } from '../envelope/open.ts';
import { reseal, rewrap } from '../envelope/rewrap.ts';
import { PspError } from '../errors.ts';
import { demandReseal, proveHeader, type RotationMode, type RotationPlan } from './rotation-keys.ts';

/**
 * That a header which claims to be on the targets is authentic. Only for keys at hand: a key service or a passphrase would make it dear to
 * find out that there is nothing to do.
 */
export async function proveCurrent(sealed: Uint8Array, plan: RotationPlan, context: SealContext | undefined): Promise<void> {
  const encoded = context === undefined ? null : encodeContext(context);
  for (const key of plan.localTargets) await proveHeader(sealed, key, encoded);
}

/** The blob on its new keys, opened once more by each of them: what is put is known to open. */
export async function rotateBlob(
  sealed: Uint8Array,
  header: Header,
  plan: RotationPlan,
  mode: RotationMode,
  context: SealContext | undefined,
): Promise<Uint8Array> {
  const compromised = plan.findCompromised(header);
  if (mode === 'rewrap' && compromised !== null) throw demandReseal(compromised);
  const rotated =
    mode === 'rewrap'
      ? await rewrap(sealed, plan.openers, plan.targets, context)
      : await reseal(sealed, plan.openers, plan.targets, context ?? {});
  const encoded = context === undefined ? null : encodeContext(context);
  for (const key of plan.targets) await proveHeader(rotated, key, encoded);
  // A rewrap has moved the payload's bytes; a reseal has made new ones.
  if (mode === 'reseal') (await openSealed(rotated, plan.targets[0]!, context ?? {})).plaintext.fill(0);
  return rotated;
}

/** Whether `rotated` is `sealed` on the targets of the plan: opens there, and holds the same. */
export async function isRotated(
  sealed: Uint8Array,
  rotated: Uint8Array,
  plan: RotationPlan,
  context: SealContext | undefined,
): Promise<boolean> {
  const [old, now] = [parseHeader(sealed), parseHeader(rotated)];
  if (!plan.isCurrent(now)) return false;
  const isRewrapped = isEqual(old.immutable, now.immutable) && isEqual(sealed.subarray(old.headerBytes), rotated.subarray(now.headerBytes));
  try {
    if (isRewrapped) {
      for (const key of plan.targets) await proveHeader(rotated, key, context === undefined ? null : encodeContext(context));
      return true;
    }
    const [before, after] = [await openSealed(sealed, plan.openers, context ?? {}), await openSealed(rotated, plan.targets, context ?? {})];
    const isSame = isEqual(before.plaintext, after.plaintext);
    before.plaintext.fill(0);
    after.plaintext.fill(0);
    return isSame;
  } catch (error) {
    if (error instanceof PspError) return false; // The old one stays, then, and is made anew.
    throw error;
  }
}

/** Whether two arrays hold the same bytes. */
export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
