/** The memory provider against the conformance suite. */

import { describe, test } from 'vitest';
import { providerConformance } from '../../providers/conformance/conformance.ts';
import { memory } from '../../providers/memory.ts';

await providerConformance({ name: 'memory', make: async ({ now }) => ({ provider: memory({ now }) }) }, { describe, test });
