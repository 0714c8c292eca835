/**
 * The `persistent-sessions/envelope` entry: seal bytes, open them, hold keys. Bytes in, bytes out; what they mean is not its business.
 */

export type { SealContext } from './context.ts';
export { EncryptionKey, formatKey, generateKey, parseKey } from './key.ts';
export { open } from './open.ts';
export { type PeekedHeader, peek, type Unverified } from './peek.ts';
export { seal } from './seal.ts';
