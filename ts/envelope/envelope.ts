/**
 * The `persistent-sessions/envelope` entry: seal bytes, open them, hold keys. Bytes in, bytes out; what they mean is not its business.
 */

export { armor, dearmor, isArmored } from './armor.ts';
export type { SealedAttributes } from './attributes.ts';
export type { SealContext } from './context.ts';
export { type ActiveEngine, activeEngine, type EngineKind, useEngine } from './engine.ts';
export { integrityTag, verifyIntegrity } from './integrity.ts';
export { type Argon2idParameters, KDF_DEFAULTS, type KdfParameters, type Pbkdf2Parameters, type ScryptParameters } from './kdf.ts';
export {
  deriveMacKey,
  EncryptionKey,
  formatKey,
  formatMacKey,
  generateKey,
  generateMacKey,
  MacKey,
  parseKey,
  parseMacKey,
} from './key.ts';
export { KeyRing, type KeyRingEntry, type KeyState, type RevocationReason } from './keyring.ts';
export { formatKeyRing, parseKeyRing } from './keyring-text.ts';
export { type Opened, type OpenOptions, open, openSealed, openSync } from './open.ts';
export { activeKdfRunner, Passphrase, type PassphraseOptions } from './passphrase.ts';
export { type PeekedHeader, peek, type Unverified } from './peek.ts';
export { type OpenedRanges, type OpenRangesOptions, openRange, openRanges, type ReadRange } from './range.ts';
export { type RewrappedHeader, reseal, rewrap, rewrapHeader } from './rewrap.ts';
export { type SealOptions, seal, sealSync } from './seal.ts';
export type { ByteSource } from './source.ts';
export { type OpenedStream, openStream, type SealStreamOptions, sealStream } from './stream.ts';
export type { KeySource, LocalKeySource } from './wrap.ts';
export type { KeyWrapper } from './wrapper.ts';
