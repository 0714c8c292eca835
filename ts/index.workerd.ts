/**
 * The main entry for Workers (export condition `workerd`). A Worker may compile WebAssembly while it starts and never later, so the choice of
 * kernels is made now. Of the library only this file and those like it (`sequence.workerd.ts`, `merging.workerd.ts`) do something when they are imported:
 * package.json lists them under `sideEffects`.
 */
import { activeKernel } from './kernel/select.ts';

export * from './index.ts';

activeKernel('base64');
activeKernel('diff');
