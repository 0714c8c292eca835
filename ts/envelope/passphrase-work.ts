/**
 * What a passphrase can do, kept apart from how: a program that never makes a `Passphrase` carries none of the key derivations (noble's alone are
 * a third of what sealing needs). So `wrap.ts` knows this file, and each passphrase says here what it does when it is made.
 */
import type { Wrap } from './header.ts';
import type { RandomBytes } from './random.ts';

/** Type of a wrap by a passphrase. */
export const WRAP_PASSPHRASE = 3;

/** A passphrase at work. */
export interface PassphraseWork {
  readonly kid: string;
  /** A wrap of `dataKey`. Draws 16 bytes for the key derivation, then 24 for the wrap, before it waits for anything. */
  wrap(dataKey: Uint8Array, immutable: Uint8Array, random: RandomBytes): Promise<Wrap>;
  /**
   * The data key out of a wrap of this passphrase's kid, or null when another passphrase made it, which costs a key derivation to find out.
   * `ENVELOPE_MALFORMED`, `ENVELOPE_LIMIT` or `ENVELOPE_UNSUPPORTED_VERSION` for a body that no writer writes, before anything has run;
   * `ENVELOPE_TAMPERED` when the passphrase is the right one, and the wrap is not authentic.
   */
  unwrap(wrap: Wrap, immutable: Uint8Array): Promise<Uint8Array | null>;
}

const works = new WeakMap<object, PassphraseWork>();

/** Says what `passphrase` does. */
export function setPassphraseWork(passphrase: object, work: PassphraseWork): void {
  works.set(passphrase, work);
}

/** What `source` does if it is a passphrase, else null. */
export function passphraseWork(source: unknown): PassphraseWork | null {
  return typeof source === 'object' && source !== null ? (works.get(source) ?? null) : null;
}
