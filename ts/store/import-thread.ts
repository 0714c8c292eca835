/**
 * The program of a thread of an import: it prepares batch after batch, and knows nothing else. An item that is not good is given back without a word: the
 * import looks at it itself, and so its failure is the same, whoever looked first. Loaded by `import-threads.ts` only.
 */

import { type Batch, type BatchAnswer, type Beginning, preparationOf, READY, REST } from './import-message.ts';
import { type Preparation, type PreparedItem, prepareItem } from './import-prepare.ts';
import { findThreadPort, type ThreadPort } from './thread.ts';

const port = findThreadPort();
if (port !== null) run(port);

function run({ listen, post }: ThreadPort): void {
  let isReady = false;
  let current: ReturnType<typeof preparationOf> | null = null;
  // Batches come in their order and are prepared one by one.
  let last: Promise<void> = Promise.resolve();
  listen((message) => {
    if (message === REST) {
      current?.forget();
      current = null;
      return;
    }
    if (current === null) {
      current = preparationOf(message as Beginning);
      if (!isReady) post(READY, []);
      isReady = true;
      return;
    }
    const { preparation } = current;
    last = last.then(async () => {
      const { answer, transfer } = await prepareBatch(message as Batch, preparation);
      post(answer, transfer);
    });
  });
}

/** The answer to a batch, and the buffers that go with it. Never rejects for what an item is. */
async function prepareBatch(
  { buffer, lengths, items }: Batch,
  preparation: Preparation,
): Promise<{ readonly answer: BatchAnswer; readonly transfer: ArrayBuffer[] }> {
  const transfer = [buffer];
  const ids: (string | null)[] = [];
  const incarnations: string[] = [];
  const writeIds: string[] = [];
  const revisions: number[] = [];
  const expiries: (number | null)[] = [];
  const values: (Uint8Array | null)[] = [];
  let from = 0;
  for (const [at, item] of items.entries()) {
    const bytes = new Uint8Array(buffer, from, lengths[at]!);
    from += bytes.length;
    const prepared = await prepareItem(bytes, item, preparation).catch(() => null);
    ids.push(prepared?.id ?? null);
    incarnations.push(prepared?.facts.incarnation ?? '');
    writeIds.push(prepared?.writeId ?? '');
    revisions.push(prepared?.facts.revision ?? 0);
    expiries.push(prepared === null ? null : prepared.facts.expiresAt);
    values.push(prepared === null ? null : ownValue(prepared, bytes, transfer));
  }
  return { answer: { buffer, ids, incarnations, revisions, expiries, writeIds, values }, transfer };
}

/** The value of an item in a buffer of its own, which is transferred; null where it is the bytes of the item. */
function ownValue({ value }: PreparedItem, bytes: Uint8Array, transfer: ArrayBuffer[]): Uint8Array | null {
  if (value === bytes) return null;
  const own = value.byteLength === value.buffer.byteLength ? value : value.slice();
  transfer.push(own.buffer as ArrayBuffer);
  return own;
}
