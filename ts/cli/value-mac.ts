/**
 * The MAC keys of a merge log and of `psp show`: derived from a MAC key, or from the MAC keys that belong to the encryption keys, so that whoever may open the
 * files needs no other secret. A plain digest of a short value would give the value away to whoever tries all of them.
 */
import { derive } from '../envelope/derive.ts';
import { syncEngine } from '../envelope/engine.ts';
import { deriveMacKey, EncryptionKey, type MacKey, macSecretOf } from '../envelope/key.ts';
import { KeyRing } from '../envelope/keyring.ts';
import type { LogMac } from '../merge/log.ts';
import { macKeysOf } from './audit-file.ts';
import type { CliKey } from './key-source.ts';

/** The MAC keys at hand, the one that signs first: the named one, else those of a key or a ring. None for a passphrase, or nothing. */
export function macKeysFrom(named: MacKey | null, key: CliKey | null): readonly MacKey[] {
  if (named !== null) return [named];
  if (key instanceof KeyRing) return macKeysOf(key);
  return key instanceof EncryptionKey ? [deriveMacKey(key)] : [];
}

/** HMAC-SHA-256 for the log of the session with this id. */
export function logMacOf(key: MacKey, sessionId: string): LogMac {
  return macFor(key, `merge-log@1\0${sessionId}`);
}

/** HMAC-SHA-256 for what `psp show` prints in the place of values: the same for all sessions, so that a session captured anew can be compared. */
export function showMacOf(key: MacKey): LogMac {
  return macFor(key, 'show@1\0');
}

function macFor(key: MacKey, use: string): LogMac {
  // The salt keeps the uses apart, from each other and from the audit log, which has none.
  const mac = syncEngine().macKey('SHA-256', derive(macSecretOf(key), 'audit', 32, new TextEncoder().encode(use)));
  return (message) => mac.sign(message);
}
