/**
 * `persistent-sessions/merge`: one session out of many that were changed apart, the policies that decide what is shown of a conflict, and the log of what lost;
 * docs/merging.md shows how. Checking out of a store and committing to it is in `./store`. The compiled kernel for texts and lists inside values runs where
 * the platform lets it start, the portable one elsewhere; both give the same bytes. It is also that of `./sequence`, and `useKernel` chooses.
 */
import { withCompiledSequence } from './kernel/select-sequence.ts';
import { branchesOf as branches } from './merge/branch.ts';
import { compactSession as compact, mergeSessions as merge } from './merge/merge.ts';
import { checkPolicy as check } from './merge/policy/check.ts';
import { receiveSessions as receive } from './merge/receive.ts';
import { rekeyRecords as rekey } from './merge/rekey.ts';

export { PspError, type PspErrorCode, type PspErrorDetails } from './errors.ts';
export type { KernelKind } from './kernel/kernel.ts';
export {
  activeSequenceKernel as activeKernel,
  type CompiledModule,
  type SequenceKernelKind,
  useSequenceKernel as useKernel,
  useSequenceModule as useModule,
} from './kernel/select-sequence.ts';
export type { ActiveKernel, KernelReason } from './kernel/slot.ts';
export type { Branch, BranchOptions } from './merge/branch.ts';
export type { SectionHash } from './merge/content.ts';
export { type Context, replicasOf } from './merge/context.ts';
export type { MergeDocument } from './merge/document.ts';
export type { Candidate, Dot, Entry, EntryKind, EntryValue, Stamp } from './merge/entry.ts';
export { bySite, type GroupOf, siteOf } from './merge/groups.ts';
export {
  EMPTY_LOG,
  type ExportLogOptions,
  exportMergeLog,
  type LogEntry,
  type LoggedWrite,
  type LogHead,
  type LogLine,
  type LogMac,
  type LogNames,
  type LogPlace,
  type LossPlace,
  mergeLog,
  placeInLog,
  type VerifiedLog,
  verifyMergeLog,
} from './merge/log.ts';
export { type MergedSession, type MergeOptions, type ParkedEntry, type ShowOptions, withoutMergeState } from './merge/merge.ts';
export type { ObservedChange } from './merge/operations.ts';
export type { CounterExample, PolicyFault } from './merge/policy/check.ts';
export { mergeJson, mergeText } from './merge/policy/structured.ts';
export { union } from './merge/policy/union.ts';
export {
  type Choice,
  customPolicy,
  type EntryFacts,
  firstWriter,
  type Ground,
  type InnerLoss,
  keepBoth,
  lastWriter,
  longestLived,
  type Made,
  type Pick,
  type Policy,
  type PolicyName,
  type PolicyRule,
  preferFreshToken,
  preferSource,
  type SurfaceReason,
} from './merge/policy.ts';
export type { ReceiveOptions } from './merge/receive.ts';
export type { RekeyedRecord, RekeyedSession, RekeyOptions } from './merge/rekey.ts';
export type { Conflict, Loss, ResolveOptions, Shown } from './merge/resolve.ts';

/** {@link merge}, with the compiled kernel where the platform lets it start. */
export const mergeSessions: typeof merge = /* @__PURE__ */ withCompiledSequence(merge);
/** {@link compact}, with the compiled kernel where the platform lets it start. */
export const compactSession: typeof compact = /* @__PURE__ */ withCompiledSequence(compact);
/** {@link branches}, with the compiled kernel where the platform lets it start. */
export const branchesOf: typeof branches = /* @__PURE__ */ withCompiledSequence(branches);
/** {@link check}, with the compiled kernel where the platform lets it start. */
export const checkPolicy: typeof check = /* @__PURE__ */ withCompiledSequence(check);
/** {@link receive}, with the compiled kernel where the platform lets it start. */
export const receiveSessions: typeof receive = /* @__PURE__ */ withCompiledSequence(receive);
/** {@link rekey}, with the compiled kernel where the platform lets it start. */
export const rekeyRecords: typeof rekey = /* @__PURE__ */ withCompiledSequence(rekey);
