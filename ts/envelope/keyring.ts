/**
 * A key ring: encryption keys with their states. A ring always has exactly one primary key, which seals; it never changes, each operation
 * gives a new ring. What a ring needs to say about time it is told, in milliseconds since 1970.
 *
 *     pending --promote--> primary --promote another--> decrypt-only --revoke--> revoked --destroy--> destroyed
 *        \---------------------------revoke-------------------------------------->/
 *
 * A key enters as pending and already opens; only when every reader has the new ring is it promoted (two phases, as in Tink), so that no
 * blob is ever sealed by a key that a reader lacks. A revoked key opens nothing any more, except by {@link KeyRing.keyForReseal}. A destroyed
 * one has no bytes left in the ring; older rings, and copies of their text, still have them.
 */

import { bytesToHex } from '@noble/hashes/utils.js';
import { PspError, type PspErrorDetails } from '../errors.ts';
import { checkValueOf, type EncryptionKey, secretOf } from './key.ts';
import { inspectAsText } from './redaction.ts';

/** Where a key stands in its life; see the drawing in `keyring.ts`. It never goes back. */
export type KeyState = 'pending' | 'primary' | 'decrypt-only' | 'revoked' | 'destroyed';

/**
 * Why a key was revoked. `compromised`: someone else may know it, so every blob that it ever wrapped must be sealed anew with a new data key
 * (reseal); a rewrap does not help, since whoever kept an old header still has its data key. `retired`: a rewrap is enough.
 */
export type RevocationReason = 'compromised' | 'retired';

/** What may be shown of a key in a ring. */
export interface KeyRingEntry {
  readonly kid: string;
  readonly state: KeyState;
  /** Key check value, 16 hex digits: tells keys of one name apart and tells nothing else about them. */
  readonly kcv: string;
  /** When the key entered its state, in milliseconds since 1970. Not kept of a destroyed key. */
  readonly sinceMs?: number;
  /** The key seals nothing from this time on; it still opens. */
  readonly notAfterMs?: number;
  /** Of revoked and destroyed keys. */
  readonly revokedFor?: RevocationReason;
}

/** An entry with its key; null for a destroyed one. Not public. */
export interface HeldKey {
  readonly entry: KeyRingEntry;
  readonly key: EncryptionKey | null;
}

/** Most keys of a ring, destroyed ones included. */
export const MAX_RING_KEYS = 1000;

const STATES: readonly KeyState[] = ['pending', 'primary', 'decrypt-only', 'revoked', 'destroyed'];

let readHeld: (ring: KeyRing) => readonly HeldKey[];
let makeRing: (held: readonly HeldKey[]) => KeyRing;

/** Keys with their states. Seals with its primary key, opens with every key that is not revoked or destroyed. Shows names and states only. */
export class KeyRing {
  readonly #held: readonly HeldKey[];

  static {
    readHeld = (ring) => ring.#held;
    makeRing = (held) => new KeyRing(held);
    inspectAsText(KeyRing.prototype);
  }

  private constructor(held: readonly HeldKey[]) {
    this.#held = held;
  }

  /** A ring of one key, its primary from `nowMs` on; it seals nothing from `notAfterMs` on, if that is given. */
  static of(key: EncryptionKey, nowMs: number, { notAfterMs }: { readonly notAfterMs?: number } = {}): KeyRing {
    return new KeyRing([hold(key, 'primary', nowMs, notAfterMs)]);
  }

  /** What may be shown of each key, in the order in which they were added. */
  list(): readonly KeyRingEntry[] {
    return this.#held.map(({ entry }) => ({ ...entry }));
  }

  /** The kid of the key that seals. */
  get primaryKid(): string {
    return primaryOf(this.#held).entry.kid;
  }

  /** The ring with `key` as pending. `KEY_STATE` when it has, or had, a key of that name: a name is never used again. */
  add(key: EncryptionKey, nowMs: number, { notAfterMs }: { readonly notAfterMs?: number } = {}): KeyRing {
    const added = hold(key, 'pending', nowMs, notAfterMs);
    const namesake = this.#held.find(({ entry }) => entry.kid === key.kid);
    if (namesake !== undefined) throw wrongState(namesake.entry, 'expected a name that the ring has never had');
    if (this.#held.length >= MAX_RING_KEYS) throw new RangeError(`key ring: expected at most ${MAX_RING_KEYS} keys, got one more`);
    return new KeyRing([...this.#held, added]);
  }

  /**
   * The ring with the pending key `kid` as its primary; the primary until now still opens. The caller guarantees that every reader has this
   * ring, with the key as pending, by now. `KEY_UNKNOWN`: no such key; `KEY_STATE`: it is not pending; `KEY_EXPIRED`: its time is over.
   */
  promote(kid: string, nowMs: number): KeyRing {
    checkTime('nowMs', nowMs);
    const { entry } = this.#find(kid);
    if (entry.state !== 'pending') throw wrongState(entry, 'expected a pending key');
    checkNotExpired(entry, nowMs);
    return new KeyRing(
      this.#held.map((one) => {
        if (one.entry.kid === kid) return moved(one, 'primary', nowMs);
        return one.entry.state === 'primary' ? moved(one, 'decrypt-only', nowMs) : one;
      }),
    );
  }

  /**
   * The ring with `kid` revoked. A key that was revoked as retired can still turn out to be compromised, not the other way round.
   * `KEY_UNKNOWN`: no such key; `KEY_STATE`: it is the primary (promote another one first), destroyed, or revoked for this or a worse reason.
   */
  revoke(kid: string, reason: RevocationReason, nowMs: number): KeyRing {
    checkTime('nowMs', nowMs);
    if (reason !== 'compromised' && reason !== 'retired') throw new TypeError('reason: expected compromised or retired');
    const { entry } = this.#find(kid);
    if (entry.state === 'primary') throw wrongState(entry, 'expected another primary key to be promoted first');
    const worse = entry.state === 'revoked' && entry.revokedFor === 'retired' && reason === 'compromised';
    if (entry.state === 'destroyed' || (entry.state === 'revoked' && !worse))
      throw wrongState(entry, 'expected a key that can still be revoked');
    return new KeyRing(this.#held.map((one) => (one.entry.kid === kid ? moved(one, 'revoked', nowMs, reason) : one)));
  }

  /**
   * The ring with nothing left of the revoked key `kid` but its name, its check value, and why it was revoked. Blobs that only it opens are
   * lost: rotate before. `KEY_UNKNOWN`: no such key; `KEY_STATE`: it is not revoked.
   */
  destroy(kid: string): KeyRing {
    const { entry } = this.#find(kid);
    if (entry.state !== 'revoked') throw wrongState(entry, 'expected a revoked key');
    return new KeyRing(this.#held.map((one) => (one.entry.kid === kid ? destroyed(one) : one)));
  }

  /** Whether a blob with a wrap by `kid` must be resealed, because that key was revoked as compromised. False for a kid that is not here. */
  demandsReseal(kid: string): boolean {
    return this.#held.some(({ entry }) => entry.kid === kid && entry.revokedFor === 'compromised');
  }

  /**
   * A revoked key, for the one thing that may still be done with it: to open blobs in order to seal them anew.
   * `KEY_UNKNOWN`: no such key; `KEY_STATE`: it is not revoked (then the ring opens with it) or destroyed (then nobody does).
   */
  keyForReseal(kid: string): EncryptionKey {
    const { entry, key } = this.#find(kid);
    if (entry.state !== 'revoked' || key === null) throw wrongState(entry, 'expected a revoked key');
    return key;
  }

  toJSON(): { readonly keys: readonly Pick<KeyRingEntry, 'kid' | 'state'>[] } {
    return { keys: this.#held.map(({ entry: { kid, state } }) => ({ kid, state })) };
  }

  toString(): string {
    return `KeyRing(${this.#held.map(({ entry }) => `${entry.kid} ${entry.state}`).join(', ')})`;
  }

  #find(kid: string): HeldKey {
    const found = this.#held.find(({ entry }) => entry.kid === kid);
    if (found !== undefined) return found;
    const kids = this.#held.map(({ entry }) => `"${entry.kid}"`).join(', ');
    throw new PspError('KEY_UNKNOWN', `key ring: expected one of ${kids}, got another name`, { details: { kids } });
  }
}

/** The entries and keys of `ring`. Not public. TypeError for anything but a ring. */
export function heldKeysOf(ring: KeyRing): readonly HeldKey[] {
  if (!(ring instanceof KeyRing)) throw new TypeError('ring: expected a KeyRing');
  return readHeld(ring);
}

/** The key that `ring` seals with at `nowMs`, or `KEY_EXPIRED`. Not public. */
export function sealingKeyOf(ring: KeyRing, nowMs: number): EncryptionKey {
  const { entry, key } = primaryOf(heldKeysOf(ring));
  checkNotExpired(entry, nowMs);
  return key!;
}

/**
 * A ring of what a file says. Not public. The caller guarantees form: each kid once, keys where the state has them. `KEY_STATE` unless exactly
 * one of them is the primary; `KEY_MALFORMED` when a check value is not that of its key.
 */
export function ringOf(held: readonly HeldKey[]): KeyRing {
  const primaries = held.filter(({ entry }) => entry.state === 'primary').length;
  if (primaries !== 1) throw new PspError('KEY_STATE', `key ring: expected exactly one primary key, got ${primaries}`);
  for (const [at, { entry, key }] of held.entries()) {
    if (key !== null && bytesToHex(checkValueOf(key)) !== entry.kcv) {
      throw new PspError('KEY_MALFORMED', `key ring: keys[${at}].kcv: expected the check value of the key`);
    }
  }
  return makeRing(held);
}

/** Whether `text` names a state. Not public. */
export function isKeyState(text: unknown): text is KeyState {
  return (STATES as readonly unknown[]).includes(text);
}

function hold(key: EncryptionKey, state: KeyState, sinceMs: number, notAfterMs: number | undefined): HeldKey {
  secretOf(key);
  checkTime('nowMs', sinceMs);
  if (notAfterMs !== undefined && checkTime('notAfterMs', notAfterMs) <= sinceMs) {
    throw new RangeError('notAfterMs: expected a time after nowMs, got an earlier one');
  }
  const kcv = bytesToHex(checkValueOf(key));
  return { entry: { kid: key.kid, state, kcv, sinceMs, ...(notAfterMs === undefined ? {} : { notAfterMs }) }, key };
}

function moved({ entry, key }: HeldKey, state: KeyState, sinceMs: number, revokedFor?: RevocationReason): HeldKey {
  return { entry: { ...entry, state, sinceMs, ...(revokedFor === undefined ? {} : { revokedFor }) }, key };
}

function destroyed({ entry: { kid, kcv, revokedFor } }: HeldKey): HeldKey {
  return { entry: { kid, state: 'destroyed', kcv, ...(revokedFor === undefined ? {} : { revokedFor }) }, key: null };
}

function primaryOf(held: readonly HeldKey[]): HeldKey {
  return held.find(({ entry }) => entry.state === 'primary')!;
}

function checkNotExpired({ kid, notAfterMs }: KeyRingEntry, nowMs: number): void {
  if (notAfterMs === undefined || nowMs < notAfterMs) return;
  throw new PspError('KEY_EXPIRED', `key "${kid}": its time to seal is over; promote another key`, { details: { kid, notAfterMs, nowMs } });
}

function checkTime(name: string, timeMs: number): number {
  if (Number.isSafeInteger(timeMs) && timeMs >= 0) return timeMs;
  throw new RangeError(`${name}: expected whole milliseconds since 1970, got ${String(timeMs)}`);
}

function wrongState({ kid, state, revokedFor }: KeyRingEntry, expectation: string): PspError {
  const reason = revokedFor === undefined ? '' : ` as ${revokedFor}`;
  const details: PspErrorDetails = { kid, state };
  return new PspError('KEY_STATE', `key "${kid}": ${expectation}, got one that is ${state}${reason}`, { details });
}
