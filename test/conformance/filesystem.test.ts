/** The filesystem provider against the conformance suite. */

import { describe, test } from 'vitest';
import { providerConformance } from '../../providers/conformance/conformance.ts';
import { filesystem } from '../../providers/filesystem.ts';
import { KILLS, makeFolder, writerOf } from './subject.ts';

await providerConformance(
  {
    name: 'filesystem',
    async make({ now }) {
      const { path: root, remove } = await makeFolder();
      const open = () => filesystem({ root, now });
      return { provider: open(), again: async () => open(), ...writerOf('filesystem', { root }), dispose: remove };
    },
    capabilities: {
      conditionalPut: true,
      conditionalDelete: true,
      touch: true,
      ranges: true,
      streams: true,
      sweep: true,
      strongReads: true,
      exactList: true,
      maxKeyBytes: 512,
    },
    scale: process.env['PSP_DEEP'] ? 1 : 0.1,
    kills: KILLS,
  },
  { describe, test },
);
