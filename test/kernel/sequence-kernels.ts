/** Every sequence kernel, for tests: the portable one and the compiled one. */
import { createCompiledSequence, type SequenceExports } from '../../ts/kernel/compiled/sequence.ts';
import { SEQUENCE_WASM } from '../../ts/kernel/generated/sequence-wasm.ts';
import type { SequenceKernel } from '../../ts/kernel/kernel.ts';
import { portableSequence } from '../../ts/kernel/portable/sequence.ts';
import { inlinedModule, startModule } from '../../ts/kernel/wasm.ts';

/** One kernel of each. */
export const KERNELS: readonly { readonly name: string; readonly kernel: SequenceKernel }[] = [
  { name: 'portable', kernel: portableSequence },
  { name: 'wasm', kernel: createCompiledSequence(startModule<SequenceExports>(inlinedModule(SEQUENCE_WASM))) },
];
