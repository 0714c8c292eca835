/** The s3 provider against the conformance suite, over R2 as miniflare has it. */

import { afterAll, describe, test } from 'vitest';
import { providerConformance } from '../../providers/conformance/conformance.ts';
import { requireMiniflare, startR2 } from '../servers/miniflare.ts';
import { s3Subject } from './s3.ts';

const NAME = 's3 on R2';

if (requireMiniflare(`conformance of ${NAME}`) !== null) {
  const service = await startR2();
  afterAll(() => service.stop());
  await providerConformance(s3Subject(NAME, service, 0.02), { describe, test });
} else {
  test.skip(`conformance of ${NAME}`, () => undefined);
}
