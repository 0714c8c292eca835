/** The s3 provider over a service, as a subject of the conformance suite. */

import type { Address, ConformanceSubject } from '../../providers/conformance/conformance.ts';
import { s3 } from '../../providers/s3.ts';
import { KILLS, newPrefix, writerOf } from './subject.ts';

/** A service with one bucket. */
export interface S3Service {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The subject; faults come between it and the service's endpoint. */
export function s3Subject(name: string, { endpoint, bucket, accessKeyId, secretAccessKey }: S3Service, scale: number): ConformanceSubject {
  const { hostname, port } = new URL(endpoint);
  const settings = (prefix: string, address: Address | null) => ({
    endpoint: address === null ? endpoint : endpoint.replace(`${hostname}:${port}`, `${address.host}:${address.port}`),
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    bucket,
    prefix,
  });
  return {
    name,
    async make({ now }) {
      const prefix = newPrefix();
      return {
        provider: s3({ ...settings(prefix, null), now }),
        again: async (address) => s3({ ...settings(prefix, address ?? null), now }),
        ...writerOf('s3', settings(prefix, null)),
      };
    },
    capabilities: { conditionalPut: true, touch: true, ranges: true, streams: true, sweep: true, exactList: true },
    network: { host: hostname, port: Number(port) },
    secrets: [accessKeyId, secretAccessKey],
    scale,
    kills: KILLS,
  };
}
