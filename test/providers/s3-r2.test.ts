/** The provider for S3 on R2, as miniflare runs it in a real workerd. */

import { requireMiniflare, startR2 } from '../servers/miniflare.ts';
import { s3Service } from './s3-service.ts';

await s3Service('R2', requireMiniflare('s3 on R2') !== null, startR2);
