/** The conformance suite once more, through the envelope: every value is sealed on its way into a provider and opened on its way out. */

import { describe, test } from 'vitest';
import { providerConformance } from '../../providers/conformance/conformance.ts';
import { filesystem } from '../../providers/filesystem.ts';
import { lmdb } from '../../providers/lmdb.ts';
import { memory } from '../../providers/memory.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { sealed } from './sealed.ts';
import { makeFolder } from './subject.ts';

const CAPABILITIES = { conditionalPut: true, conditionalDelete: true, touch: true, sweep: true };

await providerConformance(
  {
    name: 'memory (sealed)',
    make: async ({ now }) => ({ provider: sealed(memory({ now })) }),
    capabilities: CAPABILITIES,
    scale: 0.1,
  },
  { describe, test },
);

await conformInFolder('filesystem (sealed)', (root, now) => filesystem({ root, now }));
await conformInFolder('lmdb (sealed)', (path, now) => lmdb({ path, now }));

function conformInFolder(name: string, open: (path: string, now: () => number) => StorageProvider): Promise<void> {
  return providerConformance(
    {
      name,
      async make({ now }) {
        const { path, remove } = await makeFolder();
        const provider = sealed(open(path, now));
        return { provider, again: async () => sealed(open(path, now)), dispose: remove };
      },
      capabilities: CAPABILITIES,
      scale: 0.05,
    },
    { describe, test },
  );
}
