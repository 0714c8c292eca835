/**
 * A store by its name, as `--store` takes it: a folder, or `filesystem:PATH`, `lmdb:PATH`, `redis://HOST:PORT/DB`, `s3://BUCKET/PREFIX`,
 * `cloudflare-kv://ACCOUNT/NAMESPACE`. What a service wants to know of its user comes from the environment: an argument is seen by every process of the
 * machine. Client libraries are loaded when named.
 */
import { filesystem } from '../../providers/filesystem.ts';
import type { StorageProvider } from '../provider.ts';
import type { SessionStoreOptions } from '../store/store.ts';
import { CliFailure, usage } from './failure.ts';
import { type CliKey, type KeyChoice, readKey } from './key-source.ts';
import { findInEnvironment } from './secret.ts';

/** For the verbs that work on a store. */
export const STORE_OPTIONS = {
  store: { type: 'string' },
  namespace: { type: 'string' },
  tenant: { type: 'string' },
} as const;

const FORMS =
  '--store is a folder, filesystem:PATH, lmdb:PATH, redis://HOST:PORT/DB, s3://BUCKET/PREFIX or cloudflare-kv://ACCOUNT/NAMESPACE';

/** The provider of `name`, not yet open. `USAGE` for a name that is none; `STORE_LIBRARY` where its client library is not installed. */
export async function openStore(name: string): Promise<StorageProvider> {
  // One letter before the colon is a drive of Windows.
  const [, scheme = 'filesystem', rest = name] = /^([a-z][a-z0-9-]+):(.*)$/s.exec(name) ?? [];
  if (rest === '') throw usage(FORMS);
  switch (scheme) {
    case 'filesystem':
      return filesystem({ root: rest });
    case 'lmdb':
      return load('lmdb', async () => (await import('../../providers/lmdb.ts')).lmdb({ path: rest }));
    case 'redis':
    case 'rediss':
      return openRedis(parse(name));
    case 's3':
      return openS3(parse(name));
    case 'cloudflare-kv':
      return openKv(parse(name));
    default:
      throw usage(FORMS);
  }
}

/** The keys and names of a store: `--clear`, which has to be said, or a key. */
export async function storeOptionsOf(
  choice: KeyChoice & {
    readonly clear?: boolean | undefined;
    readonly tenant?: string | undefined;
    readonly namespace?: string | undefined;
  },
  purpose: 'seal' | 'open',
): Promise<SessionStoreOptions> {
  const { tenant, namespace } = choice;
  const keys: CliKey | null = choice.clear === true ? null : await readKey(choice, purpose);
  return { keys, ...(tenant === undefined ? {} : { tenant }), ...(namespace === undefined ? {} : { namespace }) };
}

/** `?prefix=` is what keys begin with in Redis, if not `psp:`. */
function openRedis(url: URL): Promise<StorageProvider> {
  const { prefix } = parametersOf(url, ['prefix']);
  url.search = '';
  const [username, password] = [variable('REDIS_USERNAME'), variable('REDIS_PASSWORD')];
  const options = { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
  return load('ioredis', async () => {
    const { redis } = await import('../../providers/redis.ts');
    return redis({ url: url.href, options, ...(prefix === undefined ? {} : { keyPrefix: prefix }) });
  });
}

/** `?endpoint=`, `?region=` and `?path-style=` say which service; AWS and the region of the environment when not given. */
function openS3(url: URL): Promise<StorageProvider> {
  const {
    endpoint,
    region = variable('AWS_REGION') ?? 'us-east-1',
    'path-style': style,
  } = parametersOf(url, ['endpoint', 'region', 'path-style']);
  const [accessKeyId, secretAccessKey, sessionToken] = [
    variable('AWS_ACCESS_KEY_ID'),
    variable('AWS_SECRET_ACCESS_KEY'),
    variable('AWS_SESSION_TOKEN'),
  ];
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw usage('s3 needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment');
  }
  if (endpoint !== undefined && !URL.canParse(endpoint)) throw usage('endpoint= of an s3 store is a URL');
  const folder = decodeURIComponent(url.pathname.slice(1));
  return load('@aws-sdk/client-s3', async () => {
    const { s3 } = await import('../../providers/s3.ts');
    return s3({
      bucket: url.host,
      region,
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
      ...(folder === '' ? {} : { prefix: folder.endsWith('/') ? folder : `${folder}/` }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(style === undefined ? {} : { forcePathStyle: style !== 'false' }),
    });
  });
}

/** The ids of an account and of a namespace; `?prefix=` is what names begin with, `?endpoint=` where Cloudflare's interface is, if not where it always is. */
function openKv(url: URL): Promise<StorageProvider> {
  const { prefix, endpoint } = parametersOf(url, ['prefix', 'endpoint']);
  const [namespaceId, ...more] = url.pathname.slice(1).split('/');
  if (url.host === '' || !namespaceId || more.length > 0)
    throw usage('a store in Workers KV is cloudflare-kv://ACCOUNT/NAMESPACE, by their ids');
  if (endpoint !== undefined && !URL.canParse(endpoint)) throw usage('endpoint= of a cloudflare-kv store is a URL');
  const apiToken = variable('CLOUDFLARE_API_TOKEN');
  if (apiToken === undefined) throw usage('cloudflare-kv needs CLOUDFLARE_API_TOKEN in the environment');
  return make(async () => {
    const { cloudflareKv } = await import('../../providers/cloudflare-kv.ts');
    return cloudflareKv({
      accountId: url.host,
      namespaceId: decodeURIComponent(namespaceId),
      apiToken,
      ...(prefix === undefined ? {} : { prefix }),
      ...(endpoint === undefined ? {} : { baseUrl: endpoint }),
    });
  });
}

function parse(name: string): URL {
  if (!URL.canParse(name)) throw usage(FORMS);
  const url = new URL(name);
  if (url.username !== '' || url.password !== '') {
    throw usage(
      'a password is never an argument: use REDIS_USERNAME and REDIS_PASSWORD, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or CLOUDFLARE_API_TOKEN',
    );
  }
  return url;
}

function parametersOf<Name extends string>(url: URL, names: readonly Name[]): Partial<Record<Name, string>> {
  for (const name of url.searchParams.keys()) {
    if (!(names as readonly string[]).includes(name)) throw usage(`--store: this kind of store takes ${names.join(', ')} behind its ?`);
  }
  return Object.fromEntries(url.searchParams) as Partial<Record<Name, string>>;
}

function variable(name: string): string | undefined {
  const found = findInEnvironment(name);
  return found === null ? undefined : new TextDecoder().decode(found);
}

async function load(library: string, open: () => Promise<StorageProvider>): Promise<StorageProvider> {
  try {
    return await make(open);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new CliFailure('STORE_LIBRARY', `this store needs a package: npm install ${library}`, { cause });
  }
}

/** What a provider says of its arguments names them, and what was wrong, without the value. */
async function make(open: () => Promise<StorageProvider>): Promise<StorageProvider> {
  try {
    return await open();
  } catch (cause) {
    if (cause instanceof TypeError || cause instanceof RangeError) throw new CliFailure('USAGE', `--store: ${cause.message}`, { cause });
    throw cause;
  }
}
