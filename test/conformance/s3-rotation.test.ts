/** Rotation on S3: Ceph RADOS Gateway, and R2 as miniflare has it. */

import { afterAll, test } from 'vitest';
import { s3 } from '../../providers/s3.ts';
import { requireMiniflare, startR2 } from '../servers/miniflare.ts';
import { requireRgw, startRgw } from '../servers/rgw.ts';
import { rotationOn } from './rotation.ts';
import type { S3Service } from './s3.ts';
import { newPrefix } from './subject.ts';

await onService('s3 on Ceph RGW', requireRgw('rotation on s3 on Ceph RGW'), startRgw);
await onService('s3 on R2', requireMiniflare('rotation on s3 on R2') !== null, startR2);

async function onService(name: string, isThere: boolean, start: () => Promise<S3Service & { stop(): Promise<void> }>): Promise<void> {
  if (!isThere) {
    test.skip(`rotation on ${name}`, () => undefined);
    return;
  }
  const { endpoint, bucket, accessKeyId, secretAccessKey, stop } = await start();
  afterAll(stop);
  rotationOn(name, async () => {
    const provider = s3({
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey },
      forcePathStyle: true,
      bucket,
      prefix: newPrefix(),
    });
    return { provider, dispose: () => provider.close() };
  });
}
