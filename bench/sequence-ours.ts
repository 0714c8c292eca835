/** Our sequence as one of the peers, with one kernel or the other. */

import { createText, type TextSequence, useKernel } from '../ts/sequence.ts';
import type { Peer, PeerText } from './sequence-peers.ts';

/** Named by the kernel, which is pinned for the thread whenever a text is made. */
export function oursWith(kernel: 'wasm' | 'portable'): Peer {
  function open(document?: Uint8Array): PeerText {
    useKernel(kernel);
    const text: TextSequence = createText();
    if (document !== undefined) text.apply(document);
    return {
      edit([index, removed, inserted]) {
        if (removed > 0) text.delete(index, removed);
        if (inserted !== '') text.insert(index, inserted);
      },
      editAll(edits) {
        for (const [index, removed, inserted] of edits) text.replace(index, removed, inserted);
      },
      watch: () => undefined,
      takeUpdate: () => text.takeUpdate(),
      apply: (update) => text.apply(update as Uint8Array),
      text: () => text.toString(),
      encode: () => text.encode(),
      free: () => text.free(),
    };
  }
  return { name: kernel, batchesEdits: true, create: () => open(), load: (document) => open(document) };
}
