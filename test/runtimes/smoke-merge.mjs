/**
 * The part of the smoke program that merges, for every runtime: texts, lists and whole sessions that were changed apart come to one state, the same bytes with
 * each kernel that can start there. Plain JavaScript without imports; the entries of the package are passed in. Throws at the first difference.
 */

/** @typedef {typeof import('../../ts/sequence.ts')} SequenceEntry */
/** @typedef {typeof import('../../ts/merging.ts')} MergeEntry */
/** @typedef {import('../../ts/session/session.ts').Session} Session */

/**
 * @typedef {object} MergeRun
 * @property {'sequence' | 'merge'} entry
 * @property {string} kernel that new sequences got
 * @property {string} reason for which they did
 */

/**
 * @typedef {object} MergeSmokeResult
 * @property {MergeRun[]} runs in their order
 * @property {string[]} unavailable kernels that could not start
 * @property {string} text state of a text, in hexadecimal, the same in every run
 * @property {string} list state of a list, likewise
 * @property {string} merged state of a merged session, likewise
 */

const NOW = 1_790_000_000_000;
const KEY = { origin: 'https://shop.example', topLevelSite: null };
const POLICIES = /** @type {const} */ ([
  { name: 'cart', policy: 'json' },
  { name: 'draft', policy: 'text' },
]);

/**
 * Runs both entries with the kernel that they choose, then with each one pinned. They share it, so what one pins the other uses.
 *
 * @param {SequenceEntry} sequence
 * @param {MergeEntry} merge
 * @returns {Promise<MergeSmokeResult>}
 */
export async function smokeMerge(sequence, merge) {
  /** @type {MergeRun[]} */
  const runs = [];
  /** @type {string[]} */
  const unavailable = [];
  /** @type {{ text: string, list: string, merged: string }[]} */
  const outcomes = [];
  const run = async () => {
    const { text, list } = editApart(sequence);
    runs.push({ entry: 'sequence', ...stateOf(sequence) });
    const merged = await mergeApart(merge);
    runs.push({ entry: 'merge', ...stateOf(merge) });
    outcomes.push({ text, list, merged });
  };

  await run();
  for (const kind of /** @type {const} */ (['portable', 'wasm'])) {
    if (pin(sequence, kind)) await run();
    else unavailable.push(kind);
  }
  const [first] = outcomes;
  if (first === undefined) throw new Error('smoke: nothing ran');
  for (const outcome of outcomes) assertEqual(JSON.stringify(outcome), JSON.stringify(first), 'states of a run');
  return { runs, unavailable, ...first };
}

/**
 * Two texts and two lists that are edited at once, then exchange what they did.
 *
 * @param {SequenceEntry} entry
 */
function editApart({ createText, createList, PspError }) {
  const texts = [1, 2].map((seed) => createText({ randomBytes: bytesFrom(seed) }));
  const [mine, yours] = /** @type {[typeof texts[0], typeof texts[0]]} */ (texts);
  mine.insert(0, 'Dear \ud83e\udd8a,');
  yours.apply(mine.encode());
  mine.insert(mine.length, '\nsee you.');
  yours.replace(0, 4, 'Hello');
  exchange(mine, yours);
  assertEqual(mine.toString(), 'Hello \ud83e\udd8a,\nsee you.', 'text');
  assertEqual(yours.toString(), mine.toString(), 'text of the other one');
  const text = toHex(mine.encode());
  assertEqual(toHex(yours.encode()), text, 'state of the other text');
  let refused = null;
  try {
    mine.apply(Uint8Array.of(0x80, 0xff));
  } catch (error) {
    refused = error;
  }
  if (!(refused instanceof PspError) || refused.code !== 'MERGE_MALFORMED') throw new Error('smoke: bytes of nothing were applied');

  const lists = [3, 4].map((seed) => createList({ randomBytes: bytesFrom(seed) }));
  const [tabs, others] = /** @type {[typeof lists[0], typeof lists[0]]} */ (lists);
  tabs.insert(0, 'inbox', 'calendar', { url: 'https://shop.example/' });
  others.apply(tabs.encode());
  tabs.move(2, 0);
  others.move(2, 1);
  others.delete(0, 1);
  exchange(tabs, others);
  assertEqual(JSON.stringify(tabs.toArray()), JSON.stringify(others.toArray()), 'list');
  assertEqual(String(tabs.length), '2', 'length of the list, in which nothing stands twice');
  const list = toHex(tabs.encode());
  assertEqual(toHex(others.encode()), list, 'state of the other list');
  for (const one of [...texts, ...lists]) one.free();
  return { text, list };
}

/**
 * Two sessions that come from one, merged in both orders, compacted and logged.
 *
 * @param {MergeEntry} entry
 */
async function mergeApart({ mergeSessions, compactSession, mergeLog, exportMergeLog, verifyMergeLog }) {
  const { session: base } = await mergeSessions([sessionOf(NOW, { cart: '["pen"]', draft: 'Dear', nonce: '1' })]);
  const mine = changed(base, NOW + 1_000, { cart: '["pen","cup"]', draft: 'Dear Ada', nonce: '2' });
  const theirs = changed(base, NOW + 2_000, { cart: '["ink","pen"]', draft: 'Oh Dear', nonce: '3' });
  const options = { policies: POLICIES };
  const { session, losses } = await mergeSessions([mine, theirs], options);
  const { session: other } = await mergeSessions([theirs, mine, theirs], options);
  const bytes = await stateBytes(session);
  assertEqual(toHex(await stateBytes(other)), toHex(bytes), 'state of the other order');
  const { nonce, cart } = itemsOf(session);
  assertEqual(nonce ?? '', '3', 'the item that the later one wrote');
  for (const thing of ['pen', 'cup', 'ink']) if (!cart?.includes(thing)) throw new Error(`smoke: the cart lost the ${thing}`);

  const compacted = await compactSession(session, '00000000000000aa', options);
  assertEqual(JSON.stringify(itemsOf(compacted)), JSON.stringify(itemsOf(session)), 'items after compacting');
  const mac = (/** @type {Uint8Array} */ message) =>
    Uint8Array.from({ length: 32 }, (_, i) => message.reduce((sum, byte) => (sum * 31 + byte + i) >>> 0, i));
  const { lines, head } = await exportMergeLog(mergeLog(losses), { mac, timeMs: NOW, actor: 'smoke' });
  assertEqual(String(verifyMergeLog(lines, mac, { head: head.mac }).lines.length), String(lines.length), 'lines of the log');
  return toHex(bytes);
}

/** @param {{ takeUpdate(): Uint8Array | null, apply(bytes: Uint8Array): void }} a @param {typeof a} b */
function exchange(a, b) {
  const updates = [a.takeUpdate(), b.takeUpdate()];
  for (const update of updates) {
    if (update === null) throw new Error('smoke: an edit left no update');
    a.apply(update);
    b.apply(update);
  }
}

/** @param {SequenceEntry | MergeEntry} entry */
function stateOf(entry) {
  const { kind, reason } = entry.activeKernel();
  return { kernel: kind, reason };
}

/**
 * @param {SequenceEntry} entry
 * @param {import('../../ts/sequence.ts').SequenceKernelKind} kind
 * @returns {boolean} false when this runtime cannot start that kernel
 */
function pin({ useKernel, PspError }, kind) {
  try {
    useKernel(kind);
    return true;
  } catch (error) {
    if (error instanceof PspError && error.code === 'KERNEL_UNAVAILABLE') return false;
    throw error;
  }
}

/** @param {number} updatedAt @param {Record<string, string>} items @returns {Session} */
function sessionOf(updatedAt, items) {
  return {
    id: 'smoke-merge',
    incarnation: '0f1e2d3c4b5a69780f1e2d3c4b5a6978',
    revision: 0,
    createdAt: NOW,
    updatedAt,
    source: { tool: 'smoke' },
    coverage: { cookies: 'complete', tabs: 'complete', storage: [{ key: KEY, localStorage: 'complete', indexedDB: 'complete' }] },
    cookies: [],
    storage: [{ key: KEY, localStorage: Object.entries(items), indexedDB: [] }],
    tabs: [],
  };
}

/** The same session as somebody leaves it who does not merge: its state is still that of `base`. @param {Session} base @param {number} updatedAt @param {Record<string, string>} items @returns {Session} */
function changed(base, updatedAt, items) {
  return { ...base, updatedAt, storage: sessionOf(updatedAt, items).storage };
}

/** @param {Session} session @returns {Record<string, string>} */
function itemsOf({ storage }) {
  return Object.fromEntries((storage[0]?.localStorage ?? []).map(([name, value]) => [String(name), String(value)]));
}

/** @param {Session} session */
async function stateBytes({ mergeState }) {
  if (mergeState === undefined) throw new Error('smoke: the merged session carries no state');
  return await mergeState.bytes();
}

/** @param {number} seed */
function bytesFrom(seed) {
  return (/** @type {number} */ byteLength) => new Uint8Array(byteLength).fill(seed);
}

/** @param {Uint8Array} bytes */
function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {string} actual @param {string} expected @param {string} what */
function assertEqual(actual, expected, what) {
  if (actual !== expected) throw new Error(`smoke: ${what}: expected ${expected.slice(0, 200)}, got ${actual.slice(0, 200)}`);
}
