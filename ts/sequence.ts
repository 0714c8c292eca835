/**
 * `persistent-sessions/sequence`: texts and lists that several replicas change at once (CRDTs), on their own. The compiled kernel runs where the platform
 * lets it start, the portable one elsewhere; both give the same bytes. `useKernel` chooses.
 */
import { withCompiledSequence } from './kernel/select.ts';
import { createList as createListOfCurrent } from './merge/sequence/list.ts';
import { createText as createTextOfCurrent } from './merge/sequence/text.ts';

export { PspError, type PspErrorCode, type PspErrorDetails } from './errors.ts';
export type { ActiveKernel, KernelName, KernelReason } from './kernel/current.ts';
export type { KernelKind } from './kernel/kernel.ts';
export { activeKernel, type CompiledModule, useKernel, useModule } from './kernel/select.ts';
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
