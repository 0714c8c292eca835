/** Files of keys and key rings: read, changed under a lock, written whole; clear text for this user only, or sealed with a passphrase. */
import { existsSync } from 'node:fs';
import { armor } from '../envelope/armor.ts';
import type { KeyRing } from '../envelope/keyring.ts';
import { formatKeyRing, parseKeyRing } from '../envelope/keyring-text.ts';
import type { Passphrase } from '../envelope/passphrase.ts';
import { seal } from '../envelope/seal.ts';
import { createWhole, readWhole, writeWhole } from './file.ts';
import { holdFile } from './hold.ts';
import { findNamedPassphrase, openKeyText, type PassphraseChoice } from './key-source.ts';

/** The ring in a file. */
export async function readRing(path: string, choice: PassphraseChoice): Promise<KeyRing> {
  return parseKeyRing((await openKeyText(await readWhole(path), choice)).text);
}

/**
 * Puts what `change` makes of the ring in a file in its place, sealed as it was. Where there is no file, `change` gets null, and the new file
 * is sealed when the options name a passphrase.
 */
export function changeRing(path: string, choice: PassphraseChoice, change: (ring: KeyRing | null) => KeyRing): Promise<KeyRing> {
  return holdFile(path, 'key ring', async () => {
    if (!existsSync(path)) {
      const ring = change(null);
      await createWhole(path, await asKeyFile(formatKeyRing(ring), await findNamedPassphrase(choice, 'seal')));
      return ring;
    }
    const { text, passphrase } = await openKeyText(await readWhole(path), choice);
    const ring = change(parseKeyRing(text));
    await writeWhole(path, await asKeyFile(formatKeyRing(ring), passphrase));
    return ring;
  });
}

/** What a file of `text` holds: the text and a line end, or both sealed, as armor. */
export async function asKeyFile(text: string, passphrase: Passphrase | null): Promise<Uint8Array> {
  const bytes = new TextEncoder().encode(`${text}\n`);
  return passphrase === null ? bytes : armor(await seal(bytes, passphrase));
}
