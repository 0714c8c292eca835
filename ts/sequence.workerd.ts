/** `persistent-sessions/sequence` for Workers (export condition `workerd`): the choice of kernel is made at import; see `index.workerd.ts`. */
import { activeKernel } from './sequence.ts';

export * from './sequence.ts';

activeKernel();
