/** `persistent-sessions/merge` for Workers (export condition `workerd`): the choice of kernel is made at import; see `index.workerd.ts`. */
import { activeKernel } from './merging.ts';

export * from './merging.ts';

activeKernel();
