/** The builds of the compiled sequence kernel, for tests: as it is shipped, and with its assertions and its inside open. */
import { compileKernel } from '../../scripts/build-wasm.mjs';
import { createCompiledSequence, type SequenceExports } from '../../ts/kernel/compiled/sequence.ts';
import { SEQUENCE_WASM } from '../../ts/kernel/generated/sequence-wasm.ts';
import type { SequenceKernel } from '../../ts/kernel/kernel.ts';
import type { LinearModule } from '../../ts/kernel/linear.ts';
import { inlinedModule, startModule } from '../../ts/kernel/wasm.ts';

/** What assembly/sequence-checked.ts exports besides. */
export interface CheckedExports extends SequenceExports {
  checkSequence(sequence: number): number;
}

/** A kernel over a new instance of the shipped module, and that instance. */
export function shippedSequences(): { readonly kernel: SequenceKernel; readonly module: LinearModule<SequenceExports> } {
  const module = startModule<SequenceExports>(inlinedModule(SEQUENCE_WASM));
  return { kernel: createCompiledSequence(module), module };
}

const checkedBytes = await compileKernel('sequence-checked', 'debug', false);

/**
 * A kernel over a new instance of the debug build. `check` throws when any sequence that was made and not freed breaks a rule of
 * assembly/sequence/check.ts.
 */
export function checkedSequences(): { readonly kernel: SequenceKernel; readonly check: () => void } {
  const module = startModule<CheckedExports>(checkedBytes);
  const handles = new Set<number>();
  const exports: CheckedExports = {
    ...module.exports,
    createSequence(high, low, unitShift) {
      const handle = module.exports.createSequence(high, low, unitShift);
      handles.add(handle);
      return handle;
    },
    freeSequence(handle) {
      handles.delete(handle);
      module.exports.freeSequence(handle);
    },
  };
  const check = () => {
    for (const handle of handles) {
      const rule = module.exports.checkSequence(handle);
      if (rule !== 0) throw new Error(`rule ${rule} of assembly/sequence/check.ts does not hold`);
    }
  };
  return { kernel: createCompiledSequence({ ...module, exports }), check };
}
