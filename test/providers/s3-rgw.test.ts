/** The provider for S3 on a real Ceph RADOS Gateway. */

import { requireRgw, startRgw } from '../servers/rgw.ts';
import { s3Service } from './s3-service.ts';

await s3Service('RGW', requireRgw('s3 on RGW'), startRgw);
