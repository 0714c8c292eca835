/**
 * The main entry for Workers (export condition `workerd`). A Worker may compile WebAssembly while it starts and never later, so the choice of
 * kernels is made now. This file is the one of the package whose import does something: package.json lists it under `sideEffects`.
 */
import { activeKernel } from './kernel/select.ts';

export * from './index.ts';

activeKernel('base64');
activeKernel('diff');
activeKernel('sequence');
