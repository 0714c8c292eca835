/** The lmdb provider against the conformance suite. */

import { describe, test } from 'vitest';
import { providerConformance } from '../../providers/conformance/conformance.ts';
import { lmdb } from '../../providers/lmdb.ts';
import { KILLS, makeFolder, writerOf } from './subject.ts';

await providerConformance(
  {
    name: 'lmdb',
    async make({ now }) {
      const { path, remove } = await makeFolder();
      const open = () => lmdb({ path, now });
      return { provider: open(), again: async () => open(), ...writerOf('lmdb', { path }), dispose: remove };
    },
    capabilities: {
      conditionalPut: true,
      conditionalDelete: true,
      touch: true,
      ranges: true,
      sweep: true,
      strongReads: true,
      orderedList: true,
      exactList: true,
      maxKeyBytes: 512,
    },
    kills: KILLS,
  },
  { describe, test },
);
