/** `psp seal` and `psp open`: any file, sealed and opened whole. What is inside is not looked at. */
import { parseArgs } from 'node:util';
import { armor, dearmor, isArmored } from '../envelope/armor.ts';
import { integrityTag } from '../envelope/integrity.ts';
import { openSealed } from '../envelope/open.ts';
import { seal } from '../envelope/seal.ts';
import { CONTEXT_OPTIONS, contextFrom } from './context-option.ts';
import { usage } from './failure.ts';
import { readWhole, writeWhole } from './file.ts';
import { findMacKey, KDF_OPTIONS, KEY_OPTIONS, kidOf, MAC_OPTIONS, readKey } from './key-source.ts';
import { showBytes } from './text.ts';

/** Seals a file; with `--tag`, also writes an integrity tag of the sealed file. */
export async function runSeal(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...KEY_OPTIONS,
      ...KDF_OPTIONS,
      ...MAC_OPTIONS,
      ...CONTEXT_OPTIONS,
      out: { type: 'string', short: 'o' },
      armor: { type: 'boolean' },
      tag: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  const { path, out } = expectPaths('seal', positionals, values.out);
  const macKey = values.tag === undefined ? null : await findMacKey(values);
  if (values.tag !== undefined && macKey === null) throw usage('--tag needs a MAC key: give --mac-key-file, PSP_MAC_KEY or --mac-prompt');
  const context = contextFrom(values);
  const key = await readKey(values, 'seal');
  const plaintext = await readWhole(path);
  const sealed = await seal(plaintext, key, context);
  const bytes = values.armor === true ? armor(sealed) : sealed;
  await writeWhole(out, bytes);
  if (values.tag !== undefined && macKey !== null) await writeWhole(values.tag, await integrityTag(bytes, macKey, context));
  const facts = { plaintextBytes: plaintext.length, fileBytes: bytes.length, key: kidOf(key), tag: macKey?.kid ?? null };
  const tagged = macKey === null ? '' : `; tagged with MAC key ${macKey.kid} in ${values.tag}`;
  const text = `wrote ${out}: ${showBytes(bytes.length)}, sealed with key ${kidOf(key)}${tagged}\n`;
  process.stdout.write(values.json === true ? `${JSON.stringify(facts)}\n` : text);
}

/** Opens a sealed file into another, all of it or nothing. */
export async function runOpen(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...KEY_OPTIONS, ...CONTEXT_OPTIONS, out: { type: 'string', short: 'o' }, json: { type: 'boolean' } },
  });
  const { path, out } = expectPaths('open', positionals, values.out);
  const context = contextFrom(values);
  const bytes = await readWhole(path);
  const { plaintext, attributes, kid } = await openSealed(isArmored(bytes) ? dearmor(bytes) : bytes, await readKey(values), context);
  await writeWhole(out, plaintext);
  const text = `wrote ${out}: ${showBytes(plaintext.length)}, opened with key ${kid}; it is not sealed\n`;
  process.stdout.write(values.json === true ? `${JSON.stringify({ plaintextBytes: plaintext.length, key: kid, attributes })}\n` : text);
}

function expectPaths(
  verb: string,
  positionals: readonly string[],
  out: string | undefined,
): { readonly path: string; readonly out: string } {
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) throw usage(`${verb} needs one FILE`);
  // Not on standard output: a plaintext on a terminal is one in its history.
  if (out === undefined) throw usage(`${verb} needs -o FILE`);
  return { path, out };
}
