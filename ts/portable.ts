/**
 * `persistent-sessions/portable`: what the main entry has, in plain TypeScript alone. Nothing reachable from here mentions WebAssembly, so a page
 * whose Content Security Policy forbids compiling reports no violation.
 */
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
export type { Codec } from './blob/codec.ts';
export { convertBlob } from './blob/convert.ts';
export { type DecodeOptions, decodeSession } from './blob/decode.ts';
export { type EncodeOptions, encodeSession, type SectionHead } from './blob/encode.ts';
export { exportJson } from './blob/export.ts';
export type { Framing } from './blob/framing.ts';
export { type PeekedBlob, type PeekedSection, peekBlob, type ReadRange } from './blob/peek.ts';
export { type BlobSource, openBlob } from './blob/source.ts';
export { readBlob, type StreamedBlob, type StreamedSection, type WriteChunk, writeBlob } from './blob/stream.ts';
export { type CompareOptions, type Comparison, compareSessions, type Measure } from './diff/compare.ts';
export { type DiffOptions, diffSessions } from './diff/diff.ts';
export type {
  Added,
  Changed,
  Difference,
  DifferenceKind,
  MemberChange,
  Moved,
  RecordContent,
  Removed,
  SessionDiff,
  ValueFacts,
} from './diff/difference.ts';
export { type JsonPatchOperation, toJsonPatch } from './diff/json-patch.ts';
export { applyPatch, invertPatch, type PatchOptions } from './diff/patch.ts';
export type { SameSection } from './diff/value.ts';
export {
  type ActiveEngine,
  activeEngine,
  armor,
  type ByteSource,
  dearmor,
  EncryptionKey,
  type EngineKind,
  formatKey,
  generateKey,
  isArmored,
  type Opened,
  type OpenedRanges,
  type OpenedStream,
  type OpenOptions,
  type OpenRangesOptions,
  open,
  openRange,
  openRanges,
  openSealed,
  openStream,
  openSync,
  type PeekedHeader,
  parseKey,
  peek,
  type RewrappedHeader,
  reseal,
  rewrap,
  rewrapHeader,
  type SealContext,
  type SealedAttributes,
  type SealOptions,
  type SealStreamOptions,
  seal,
  sealStream,
  sealSync,
  type Unverified,
  useEngine,
} from './envelope/envelope.ts';
export { PspError, type PspErrorCode, type PspErrorDetails } from './errors.ts';
export type { ActiveKernel, KernelName, KernelReason } from './kernel/current.ts';
export {
  activeKernel,
  decodeBase64,
  decodeBase64Into,
  decodeBase64Parts,
  decodeBase64View,
  encodeBase64,
  encodeBase64Into,
  encodeBase64View,
} from './kernel/current.ts';
export type { Base64Alphabet, KernelKind } from './kernel/kernel.ts';
export { decodeBase64Text, encodeBase64Text } from './kernel/text.ts';
export type {
  CallOptions,
  Capabilities,
  DamagedRecord,
  DeleteOptions,
  GetOptions,
  Health,
  ListOptions,
  ListPage,
  PageOptions,
  PutItem,
  PutOptions,
  RecordHead,
  StorageProvider,
  StoredRecord,
  StoredStream,
  SweepReport,
  TouchOptions,
  Version,
} from './provider.ts';
export { assertSession, validateSession } from './session/check.ts';
export { COOKIE_CAP_MS, type CookieCapNotice, cookieCapNotices } from './session/cookie-cap.ts';
export { type EffectiveExpiry, effectiveExpiries, effectiveExpiry } from './session/effective.ts';
export { type ExpiredEntry, isExpired, withoutExpired } from './session/expiry.ts';
export { explainIssues, hasError, type Issue, type IssueCode, type Severity, type Stage } from './session/issue.ts';
export type { Member, MemberKind } from './session/member.ts';
export { type PurgeLog, purge } from './session/purge.ts';
export type { SectionSink, SectionWriter } from './session/section-sink.ts';
export {
  type BucketPolicy,
  type CacheEntry,
  type Cookie,
  type CookiePartitionKey,
  type Coverage,
  type Database,
  type Extent,
  type HeaderField,
  type HistoryEntry,
  type NamedCache,
  type ObjectStore,
  type OriginStorage,
  type Passkey,
  type Permission,
  type PrivateFile,
  type SameSite,
  SCHEMA_VERSION,
  type Section,
  type ServiceWorkerRegistration,
  type Session,
  type Source,
  type StorageCoverage,
  type StorageItem,
  type StorageKey,
  type StoreIndex,
  section,
  type Tab,
  type TabHistory,
  type TabStorage,
  TEXT_MEDIA_TYPE,
  type TtlKind,
  type TtlRule,
  type TtlTarget,
  textOf,
} from './session/session.ts';
export { STORE_SKEW_MS, storeExpiry } from './session/store-ttl.ts';
export { expiryAfter, persist, setTtl, type TtlCondition, type TtlOutcome, type TtlSetting, touch } from './session/ttl.ts';
export {
  type Conversion,
  type DowngradeOptions,
  downgradeDocuments,
  downgradeSession,
  isLossy,
  type LossSeverity,
  type SessionDocuments,
  type TextReader,
  type Trial,
  type UpgradeOptions,
  upgradeDocuments,
  upgradeSession,
  VERSIONS,
  type VersionedSection,
  type VersionedSession,
  type VersionLoss,
} from './session/upgrade.ts';
export { type ValidateOptions, validateDocument } from './session/validate.ts';
export { type AuditEntry, type AuditLog, type AuditOutcome, type VerifiedAudit, verifyAudit } from './store/audit.ts';
export type { RotationCheckpoint } from './store/checkpoint.ts';
export { type BlobCompareOptions, type BlobDiffOptions, compareBlobs, diffBlobs } from './store/compare.ts';
export { type OpenedFields, openFields, openSealedFields, rewrapFields, type SealFieldsOptions, sealFields } from './store/field-file.ts';
export { compareFields, type FieldChange, type PeekedFields, peekFields } from './store/field-peek.ts';
export { type RotateOptions, type RotationFailure, type RotationProgress, type RotationResult, rotateStore } from './store/rotate.ts';
export type { RotationKeys, RotationMode } from './store/rotation-keys.ts';
