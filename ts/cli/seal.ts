/**
 * `psp seal` and `psp open`: any file, sealed and opened whole; what is inside is not looked at. With `--fields` a session, whose secrets are sealed one by
 * one, so that the rest of the file can be read and its history shows which values changed.
 */
import { encodeSession } from '../blob/encode.ts';
import { armor, dearmor, isArmored } from '../envelope/armor.ts';
import type { SealContext } from '../envelope/context.ts';
import { isFieldFile } from '../envelope/field-text.ts';
import { integrityTag } from '../envelope/integrity.ts';
import { openSealed } from '../envelope/open.ts';
import { seal } from '../envelope/seal.ts';
import { openSealedFields, sealFields } from '../store/field-file.ts';
import { onlyArgument, print, readArguments } from './arguments.ts';
import { CONTEXT_OPTIONS, contextFrom } from './context-option.ts';
import { usage } from './failure.ts';
import { readWhole, writeWhole } from './file.ts';
import { type CliKey, demandMacKey, KDF_OPTIONS, KEY_OPTIONS, kidOf, MAC_OPTIONS, readKey } from './key-source.ts';
import { openSession } from './session-file.ts';
import { showBytes } from './text.ts';

/** Seals a file; with `--tag`, also writes an integrity tag of the sealed file. */
export async function runSeal(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, {
    ...KEY_OPTIONS,
    ...KDF_OPTIONS,
    ...MAC_OPTIONS,
    ...CONTEXT_OPTIONS,
    out: { type: 'string', short: 'o' },
    armor: { type: 'boolean' },
    fields: { type: 'boolean' },
    previous: { type: 'string' },
    tag: { type: 'string' },
    json: { type: 'boolean' },
  });
  const { path, out } = expectPaths('seal', positionals, values.out);
  if (values.fields === true && values.armor === true) throw usage('--fields makes a text; --armor is for sealed bytes');
  if (values.previous !== undefined && values.fields !== true) throw usage('--previous goes with --fields');
  const macKey = values.tag === undefined ? null : await demandMacKey(values, '--tag');
  const context = contextFrom(values);
  const key = await readKey(values, 'seal');
  const plaintext = await readWhole(path);
  const bytes =
    values.fields === true
      ? await fieldsOf(plaintext, key, context, values.previous)
      : await sealWhole(plaintext, key, context, values.armor);
  await writeWhole(out, bytes);
  if (values.tag !== undefined && macKey !== null) await writeWhole(values.tag, await integrityTag(bytes, macKey, context));
  const facts = { plaintextBytes: plaintext.length, fileBytes: bytes.length, key: kidOf(key), tag: macKey?.kid ?? null };
  const tagged = macKey === null ? '' : `; tagged with MAC key ${macKey.kid} in ${values.tag}`;
  const text = `wrote ${out}: ${showBytes(bytes.length)}, sealed with key ${kidOf(key)}${tagged}\n`;
  print(values, facts, text);
}

async function sealWhole(plaintext: Uint8Array, key: CliKey, context: SealContext, asText: boolean | undefined): Promise<Uint8Array> {
  const sealed = await seal(plaintext, key, context);
  return asText === true ? armor(sealed) : sealed;
}

/** The fields of a session in a file, sealed one by one; `previous` is the file that this one takes the place of. */
async function fieldsOf(file: Uint8Array, key: CliKey, context: SealContext, previous: string | undefined): Promise<Uint8Array> {
  const session = await openSession(file, key);
  return sealFields(session, key, context, previous === undefined ? {} : { previous: await readWhole(previous) });
}

/** Opens a sealed file into another, all of it or nothing. */
export async function runOpen(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, {
    ...KEY_OPTIONS,
    ...CONTEXT_OPTIONS,
    out: { type: 'string', short: 'o' },
    json: { type: 'boolean' },
  });
  const { path, out } = expectPaths('open', positionals, values.out);
  const context = contextFrom(values);
  const bytes = await readWhole(path);
  if (isFieldFile(bytes)) {
    const { session, kid } = await openSealedFields(bytes, await readKey(values), context);
    const blob = await encodeSession(session);
    await writeWhole(out, blob);
    const text = `wrote ${out}: ${showBytes(blob.length)}, a session blob, opened with key ${kid}; it is not sealed\n`;
    print(values, { plaintextBytes: blob.length, key: kid }, text);
    return;
  }
  const { plaintext, attributes, kid } = await openSealed(isArmored(bytes) ? dearmor(bytes) : bytes, await readKey(values), context);
  await writeWhole(out, plaintext);
  const text = `wrote ${out}: ${showBytes(plaintext.length)}, opened with key ${kid}; it is not sealed\n`;
  print(values, { plaintextBytes: plaintext.length, key: kid, attributes }, text);
}

function expectPaths(
  verb: string,
  positionals: readonly string[],
  out: string | undefined,
): { readonly path: string; readonly out: string } {
  const path = onlyArgument(positionals, `${verb} needs one FILE`);
  // Not on standard output: a plaintext on a terminal is one in its history.
  if (out === undefined) throw usage(`${verb} needs -o FILE`);
  return { path, out };
}
