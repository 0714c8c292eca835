/** The s3 provider against the conformance suite, over Ceph RADOS Gateway. */

import { afterAll, describe, test } from 'vitest';
import { providerConformance } from '../../providers/conformance/conformance.ts';
import { requireRgw, startRgw } from '../servers/rgw.ts';
import { s3Subject } from './s3.ts';

const NAME = 's3 on Ceph RGW';

const LOST_PUT = 'Ceph RGW 16.2 answers 200 to an unconditional put that races with a conditional one of the same key, and drops it';

if (requireRgw(`conformance of ${NAME}`)) {
  const service = await startRgw();
  afterAll(() => service.stop());
  // providers/s3.ts says so, too. R2 passes both cases.
  const deviations = { 'plain-put-does-not-slip-in': LOST_PUT, 'touch-and-put-race': LOST_PUT };
  await providerConformance({ ...s3Subject(NAME, service, 0.02), deviations }, { describe, test });
} else {
  test.skip(`conformance of ${NAME}`, () => undefined);
}
