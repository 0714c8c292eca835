/**
 * One small program that every runtime runs, whatever its module loader: encode, seal, open and decode a session with each kernel that can
 * start there, and see that nothing changed and that all kernels give the same bytes. Plain JavaScript without imports; the entries of the
 * package are passed in. Throws at the first difference.
 */

/** @typedef {typeof import('../../ts/index.ts')} MainEntry */
/** @typedef {typeof import('../../ts/portable.ts')} PortableEntry */
/** @typedef {Pick<PortableEntry, 'activeKernel' | 'encodeSession' | 'decodeSession' | 'generateKey' | 'seal' | 'open' | 'PspError'>} AnyEntry */

/**
 * @typedef {object} SmokeRun
 * @property {'main' | 'portable'} entry
 * @property {string} kernel that was in use
 * @property {string} reason for which it was
 */

/**
 * @typedef {object} SmokeResult
 * @property {SmokeRun[]} runs in their order
 * @property {string[]} unavailable kernels that could not start
 * @property {string} blob the text of the encoded session, which was the same in every run
 * @property {number} sealedBytes
 * @property {string[]} codecs that sections could be compressed with
 */

const TEXT = new TextEncoder();
const MEDIA_TYPE = 'application/vnd.psp.records';
// Every byte value, and a length that leaves a remainder of one when it is divided by three.
const RECORDS = Uint8Array.from({ length: 3_073 }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
const KEY = { origin: 'https://app.example', topLevelSite: null };

/** @type {import('../../ts/session/session.ts').Session} */
const SESSION = {
  id: 'smoke-session',
  incarnation: '0f1e2d3c4b5a6978',
  revision: 3,
  name: 'Ada \u65e5\u672c\u8a9e \ud83e\udd8a',
  createdAt: 1_700_000_000_123,
  updatedAt: 1_700_000_360_456,
  expiresAt: 1_900_000_000_789,
  source: { tool: 'smoke', browser: 'None/1.0' },
  coverage: { cookies: 'complete', tabs: 'partial', storage: [{ key: KEY, localStorage: 'complete', indexedDB: 'partial' }] },
  cookies: [
    cookie({ name: 'sid', value: 'a b"c', httpOnly: true, sameSite: 'lax' }),
    cookie({
      name: '__Secure-part',
      hostOnly: false,
      secure: true,
      sameSite: 'none',
      expiresAt: 1_900_000_000_001,
      partitionKey: { topLevelSite: 'https://top.example', hasCrossSiteAncestor: true },
    }),
  ],
  storage: [
    {
      key: KEY,
      localStorage: [
        ['token', 'secret'],
        ['lone \ud800 surrogate', '\udfff and NUL \u0000'],
        ['', ''],
      ],
      indexedDB: [
        {
          name: 'app',
          version: 3,
          stores: [
            {
              name: 'profiles',
              keyPath: ['a.b', 'c'],
              autoIncrement: true,
              keyGenerator: 7,
              indexes: [{ name: 'by-name', keyPath: 'name', unique: false, multiEntry: true }],
              recordCount: 2,
              records: { mediaType: MEDIA_TYPE, length: RECORDS.length, bytes: async () => RECORDS },
            },
            { name: 'empty', keyPath: null, autoIncrement: false, indexes: [], recordCount: 0 },
          ],
        },
      ],
    },
  ],
  tabs: [{ id: 'tab-1', url: 'https://app.example/home?q=1#top', sessionStorage: [{ key: KEY, items: [['nonce', '\u2028']] }] }],
};

/**
 * Runs with the entries that are given. An entry that is null is left out: a page that forbids compiling may want `portable` alone.
 * The portable entry goes first, because a kernel that the main one has offered or pinned is used by both.
 *
 * @param {MainEntry | null} psp
 * @param {PortableEntry | null} portable
 * @returns {Promise<SmokeResult>}
 */
export async function smoke(psp, portable) {
  /** @type {SmokeRun[]} */
  const runs = [];
  /** @type {string[]} */
  const unavailable = [];
  /** @type {{ blob: Uint8Array, sealedBytes: number }[]} */
  const outcomes = [];
  /** @param {'main' | 'portable'} entry @param {AnyEntry} functions */
  const runWith = async (entry, functions) => {
    const { kind, reason } = functions.activeKernel();
    outcomes.push(await roundTrip(functions));
    runs.push({ entry, kernel: kind, reason });
  };

  if (portable !== null) await runWith('portable', portable);
  if (psp !== null) {
    await runWith('main', psp);
    for (const kind of /** @type {const} */ (['portable', 'wasm', 'wasm-simd'])) {
      if (pin(psp, kind)) await runWith('main', psp);
      else unavailable.push(kind);
    }
  }
  if (psp !== null && portable !== null) await exchange(psp, portable);

  const first = outcomes[0];
  const entry = psp ?? portable;
  if (first === undefined || entry === null) throw new Error('smoke: no entry was given');
  for (const outcome of outcomes) await assertSame(outcome, first, 'outcome of a run');
  const codecs = await tryCodecs(entry);
  return { runs, unavailable, blob: new TextDecoder().decode(first.blob), sealedBytes: first.sealedBytes, codecs };
}

/**
 * Everything there and back, and the failures that a reader must see.
 *
 * @param {AnyEntry} entry
 */
async function roundTrip(entry) {
  const { encodeSession, decodeSession, generateKey, seal, open } = entry;
  const key = generateKey('smoke');
  const context = { sessionId: SESSION.id };
  const blob = await encodeSession(SESSION);
  const sealed = await seal(blob, key, context);
  const opened = await open(sealed, key, context);
  await assertSame(opened, blob, 'opened');
  await assertSame(await decodeSession(opened), SESSION, 'session');

  await assertFails(entry, 'KEY_WRONG', open(sealed, generateKey('smoke'), context));
  await assertFails(entry, 'KEY_UNKNOWN', open(sealed, generateKey('other'), context));
  await assertFails(entry, 'ENVELOPE_CONTEXT', open(sealed, key, { sessionId: 'other' }));
  const altered = sealed.slice();
  altered[altered.length - 20] = (altered.at(-20) ?? 0) ^ 1;
  await assertFails(entry, 'ENVELOPE_TAMPERED', open(altered, key, context));
  return { blob, sealedBytes: sealed.length };
}

/**
 * The codecs that this runtime has; each gives a smaller blob that decodes to the same session.
 *
 * @param {AnyEntry} entry
 */
async function tryCodecs({ encodeSession, decodeSession, PspError }) {
  const plain = await encodeSession(SESSION, { framing: 'packed' });
  /** @type {string[]} */
  const codecs = [];
  for (const codec of /** @type {const} */ (['gzip', 'zstd'])) {
    /** @type {Uint8Array | null} */
    let blob = null;
    try {
      blob = await encodeSession(SESSION, { framing: 'packed', codec });
    } catch (error) {
      if (!(error instanceof PspError) || error.code !== 'BLOB_UNSUPPORTED_CODEC') throw error;
    }
    if (blob === null) continue;
    if (blob.length >= plain.length) throw new Error(`smoke: ${codec} made nothing smaller`);
    await assertSame(await decodeSession(blob), SESSION, `session through ${codec}`);
    codecs.push(codec);
  }
  return codecs;
}

/**
 * What one entry sealed, the other opens. The key travels as text: two bundles hold two classes.
 *
 * @param {MainEntry} psp
 * @param {PortableEntry} portable
 */
async function exchange(psp, portable) {
  const plaintext = TEXT.encode('from main to portable and back');
  const key = psp.generateKey();
  const sameKey = portable.parseKey(psp.formatKey(key));
  await assertSame(await portable.open(await psp.seal(plaintext, key), sameKey), plaintext, 'sealed by main');
  await assertSame(await psp.open(await portable.seal(plaintext, sameKey), key), plaintext, 'sealed by portable');
}

/**
 * @param {MainEntry} psp
 * @param {import('../../ts/kernel/kernel.ts').KernelKind} kind
 * @returns {boolean} false when this runtime cannot start that kernel
 */
function pin(psp, kind) {
  try {
    psp.useKernel(kind);
    return true;
  } catch (error) {
    if (error instanceof psp.PspError && error.code === 'KERNEL_UNAVAILABLE') return false;
    throw error;
  }
}

/**
 * @param {Partial<import('../../ts/session/session.ts').Cookie>} members
 * @returns {import('../../ts/session/session.ts').Cookie}
 */
function cookie(members) {
  return {
    name: '',
    value: '',
    domain: 'app.example',
    hostOnly: true,
    path: '/',
    secure: false,
    httpOnly: false,
    sameSite: 'unset',
    expiresAt: null,
    partitionKey: null,
    ...members,
  };
}

/**
 * @param {AnyEntry} entry
 * @param {string} code
 * @param {Promise<unknown>} operation
 */
async function assertFails(entry, code, operation) {
  const error = await operation.then(
    () => null,
    (/** @type {unknown} */ reason) => reason,
  );
  if (error instanceof entry.PspError && error.code === code) return;
  throw new Error(`expected ${code}, got ${error === null ? 'no failure' : String(error)}`, { cause: error });
}

/**
 * Deep equality of plain data, byte arrays and sections (by what they hold); the order of an object's members does not count.
 *
 * @param {unknown} actual
 * @param {unknown} expected
 * @param {string} path
 * @returns {Promise<void>}
 */
async function assertSame(actual, expected, path) {
  if (!isObject(expected) || !isObject(actual)) {
    if (!Object.is(actual, expected)) throw new Error(`${path}: expected ${String(expected)}, got ${String(actual)}`);
    return;
  }
  if (isSection(expected) && isSection(actual)) {
    await assertSame({ ...actual, bytes: await actual.bytes() }, { ...expected, bytes: await expected.bytes() }, path);
    return;
  }
  if (kindOf(actual) !== kindOf(expected)) throw new Error(`${path}: expected ${kindOf(expected)}, got ${kindOf(actual)}`);
  const names = Object.keys(expected).sort();
  const found = Object.keys(actual).sort();
  if (found.join() !== names.join()) throw new Error(`${path}: expected ${summary(names)}, got ${summary(found)}`);
  for (const name of names) await assertSame(actual[name], expected[name], `${path}/${name}`);
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isObject(value) {
  return typeof value === 'object' && value !== null;
}

/** @param {Record<string, unknown>} value @returns {value is { bytes(): Promise<Uint8Array> } & Record<string, unknown>} */
function isSection(value) {
  return typeof value['bytes'] === 'function';
}

/** @param {unknown} value */
function kindOf(value) {
  return Object.prototype.toString.call(value);
}

/** @param {string[]} names */
function summary(names) {
  return `${names.length} members (${names.slice(0, 8).join(', ')})`;
}
