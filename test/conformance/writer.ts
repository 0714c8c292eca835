/**
 * The process that the conformance suite kills, for each of our providers: `node writer.ts <provider> <options as JSON>`. It is run by the newest
 * Node, which needs no build for TypeScript.
 */

import { runWriter } from '../../providers/conformance/writer.ts';
import type { StorageProvider } from '../../ts/provider.ts';
import { inPlace } from './in-place.ts';

/** Each loads nothing but its own provider. */
const MAKERS: Readonly<Record<string, (options: never) => Promise<StorageProvider>>> = {
  filesystem: async (options) => (await import('../../providers/filesystem.ts')).filesystem(options),
  lmdb: async (options) => (await import('../../providers/lmdb.ts')).lmdb(options),
  redis: async (options) => (await import('../../providers/redis.ts')).redis(options),
  s3: async (options) => (await import('../../providers/s3.ts')).s3(options),
  'in-place': async (options) => inPlace(options),
};

const [name = '', options = '{}'] = process.argv.slice(2);
await runWriter(() => MAKERS[name]!(JSON.parse(options) as never));
