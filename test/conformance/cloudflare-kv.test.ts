/** The cloudflare-kv provider against the conformance suite: by a binding inside workerd, and over REST in two ways. */

import { afterAll, describe, test } from 'vitest';
import { providerConformance } from '../../providers/conformance/conformance.ts';
import { startKvSubjects } from '../providers/cloudflare-kv-subject.ts';
import { requireMiniflare } from '../servers/miniflare.ts';
import { KILLS } from './subject.ts';

const GROUP = 'conformance of cloudflare-kv';
/** A read is a request for each key, and so is a write over miniflare's own REST: a few hundred keys are enough to turn pages. */
const SCALE = 0.02;

if (requireMiniflare(GROUP) !== null) {
  const { binding, rest, explorer, stop } = await startKvSubjects();
  afterAll(stop);
  await providerConformance({ ...binding, scale: SCALE }, { describe, test });
  await providerConformance({ ...rest, scale: SCALE, kills: KILLS }, { describe, test });
  await providerConformance({ ...explorer, scale: SCALE }, { describe, test });
} else {
  test.skip(GROUP, () => undefined);
}
