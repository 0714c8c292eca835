/**
 * What a program imports as `persistent-sessions`: the Session document, the blob, sealing, errors and the choice of kernel. Drivers, providers and
 * formats have entries of their own, so that nothing here pulls a client library or a `node:` module.
 */
import { decodeSession as decode } from './blob/decode.ts';
import { encodeSession as encode } from './blob/encode.ts';
import { withCompiledKernel } from './kernel/select.ts';

export type {
  CaptureOptions,
  CaptureResult,
  Driver,
  OperationOptions,
  Progress,
  RestoreOptions,
  RestoreResult,
} from './adapters/driver.ts';
export { type Counts, isComplete, type Outcome, type Report, type ReportEntry, type StateKind } from './adapters/report.ts';
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
export type { ActiveKernel, KernelReason } from './kernel/current.ts';
export type { KernelKind } from './kernel/kernel.ts';
export { activeKernel, decodeBase64, encodeBase64, useKernel } from './kernel/select.ts';
export type { DeleteOptions, ListOptions, PutOptions, RecordHead, StorageProvider, StoredRecord, Version } from './provider.ts';
export {
  type Cookie,
  type CookiePartitionKey,
  type Coverage,
  type Database,
  type Extent,
  type ObjectStore,
  type OriginStorage,
  type SameSite,
  SCHEMA_VERSION,
  type Section,
  type Session,
  type Source,
  type StorageCoverage,
  type StorageItem,
  type StorageKey,
  type StoreIndex,
  section,
  type Tab,
  type TabStorage,
} from './session/session.ts';

/** {@link encode}, with the compiled kernel where the platform lets it start. */
export const encodeSession: typeof encode = /* @__PURE__ */ withCompiledKernel(encode);
/** {@link decode}, with the compiled kernel where the platform lets it start. */
export const decodeSession: typeof decode = /* @__PURE__ */ withCompiledKernel(decode);
