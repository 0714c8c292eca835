/**
 * `persistent-sessions/portable`: the same as the main entry, in plain TypeScript alone. Nothing reachable from here mentions WebAssembly, so a page
 * whose Content Security Policy forbids compiling reports no violation.
 */
export { decodeSession } from './blob/decode.ts';
export { encodeSession } from './blob/encode.ts';
export {
  EncryptionKey,
  formatKey,
  generateKey,
  open,
  type PeekedHeader,
  parseKey,
  peek,
  type SealContext,
  seal,
  type Unverified,
} from './envelope/envelope.ts';
export { PspError, type PspErrorCode, type PspErrorDetails } from './errors.ts';
export { activeKernel, decodeBase64, encodeBase64 } from './kernel/current.ts';
export type { Session } from './session/session.ts';
