/**
 * `persistent-sessions/sequence`: texts and lists that several replicas change at once (CRDTs), on their own; docs/sequence.md shows how. The compiled kernel
 * runs where the platform lets it start, the portable one elsewhere; both give the same bytes. `useKernel` chooses. Its kernel is also that of `./merge`.
 */
import { withCompiledSequence } from './kernel/select-sequence.ts';
import { createList as createListOfCurrent } from './merge/sequence/list.ts';
import { createText as createTextOfCurrent } from './merge/sequence/text.ts';

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
export type { ListChange, ListListener, ListOptions, ListSequence } from './merge/sequence/list.ts';
export type { RandomBytes, SequenceOptions } from './merge/sequence/replica.ts';
export type { ValueCodec } from './merge/sequence/slot.ts';
export type { TextEdit, TextListener, TextSequence } from './merge/sequence/text.ts';

/** {@link createTextOfCurrent}, with the compiled kernel where the platform lets it start. */
export const createText: typeof createTextOfCurrent = /* @__PURE__ */ withCompiledSequence(createTextOfCurrent);
/** {@link createListOfCurrent}, with the compiled kernel where the platform lets it start. */
export const createList: typeof createListOfCurrent = /* @__PURE__ */ withCompiledSequence(
  createListOfCurrent,
) as typeof createListOfCurrent;
