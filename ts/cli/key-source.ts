/**
 * The keys of a verb, by the options and variables that name them: an encryption key or a key ring, itself in a file that may be sealed with a
 * passphrase; a passphrase alone; a MAC key. Options win over variables, a key over a passphrase.
 */
import { dearmor, isArmored } from '../envelope/armor.ts';
import { isSealed } from '../envelope/header.ts';
import { KDF_DEFAULTS, type KdfParameters } from '../envelope/kdf.ts';
import { type EncryptionKey, type MacKey, parseKey, parseMacKey } from '../envelope/key.ts';
import { KeyRing } from '../envelope/keyring.ts';
import { parseKeyRing } from '../envelope/keyring-text.ts';
import { open } from '../envelope/open.ts';
import { Passphrase } from '../envelope/passphrase.ts';
import { PspError } from '../errors.ts';
import { usage } from './failure.ts';
import { ask, canAsk, findInEnvironment, findSecret } from './secret.ts';

/** What a verb seals and opens with. */
export type CliKey = EncryptionKey | KeyRing | Passphrase;

/** The options of a passphrase, alone or for a key file that is sealed with it. */
export const PASSPHRASE_OPTIONS = {
  'passphrase-file': { type: 'string' },
  'passphrase-fd': { type: 'string' },
  'passphrase-prompt': { type: 'boolean' },
} as const;

/** The options that choose a key, {@link PASSPHRASE_OPTIONS} among them; every verb that needs a key has them. */
export const KEY_OPTIONS = {
  'key-file': { type: 'string' },
  'key-fd': { type: 'string' },
  prompt: { type: 'boolean' },
  'passphrase-file': { type: 'string' },
  'passphrase-fd': { type: 'string' },
  'passphrase-prompt': { type: 'boolean' },
} as const;

/** The options that choose a MAC key. */
export const MAC_OPTIONS = {
  'mac-key-file': { type: 'string' },
  'mac-key-fd': { type: 'string' },
  'mac-prompt': { type: 'boolean' },
} as const;

/** The option that says how a new passphrase wrap is made. */
export const KDF_OPTIONS = { kdf: { type: 'string' } } as const;

export interface PassphraseChoice {
  readonly 'passphrase-file'?: string | undefined;
  readonly 'passphrase-fd'?: string | undefined;
  readonly 'passphrase-prompt'?: boolean | undefined;
  readonly kdf?: string | undefined;
}

export interface KeyChoice extends PassphraseChoice {
  readonly 'key-file'?: string | undefined;
  readonly 'key-fd'?: string | undefined;
  readonly prompt?: boolean | undefined;
}

export interface MacChoice {
  readonly 'mac-key-file'?: string | undefined;
  readonly 'mac-key-fd'?: string | undefined;
  readonly 'mac-prompt'?: boolean | undefined;
}

/** Whether a passphrase will seal something, which nobody can check afterwards: a prompt then asks twice. */
type Purpose = 'seal' | 'open';

/** The variables that hold a key, a passphrase and a MAC key. */
const KEY_VARIABLE = 'PSP_KEY';
const PASSPHRASE_VARIABLE = 'PSP_PASSPHRASE';
const MAC_VARIABLE = 'PSP_MAC_KEY';

/** The key that the options, the environment or, at a terminal, the person names. `KEY_MISSING` when none does. */
export async function readKey(choice: KeyChoice, purpose: Purpose = 'open'): Promise<CliKey> {
  const key = await findKey(choice, purpose);
  if (key !== null) return key;
  if (canAsk()) return parseSource(new TextEncoder().encode(await ask('key: ')), choice);
  throw new PspError('KEY_MISSING', `no key: give --key-file, set ${KEY_VARIABLE}, or run at a terminal to be asked`);
}

/** The key that the options or the environment name, or null. Asks only with `--prompt` and `--passphrase-prompt`. */
export async function findKey(choice: KeyChoice, purpose: Purpose = 'open'): Promise<CliKey | null> {
  checkDescriptors(choice['key-fd'], choice['passphrase-fd']);
  const places = { what: 'key', file: choice['key-file'], fd: choice['key-fd'], prompt: choice.prompt, question: 'key: ' };
  const named = await findSecret(places);
  if (named !== null) return parseSource(named, choice);
  const passphrase = await findNamedPassphrase(choice, purpose);
  if (passphrase !== null) return passphrase;
  const kept = findInEnvironment(KEY_VARIABLE);
  return kept === null ? passphraseInEnvironment(choice) : parseSource(kept, choice);
}

/** The kid that `key` seals with. */
export function kidOf(key: CliKey): string {
  return key instanceof KeyRing ? key.primaryKid : key.kid;
}

/** The passphrase that the options or the environment name, or null. */
async function findPassphrase(choice: PassphraseChoice, purpose: Purpose): Promise<Passphrase | null> {
  return (await findNamedPassphrase(choice, purpose)) ?? passphraseInEnvironment(choice);
}

/** The passphrase that the options name, or null. */
export async function findNamedPassphrase(choice: PassphraseChoice, purpose: Purpose): Promise<Passphrase | null> {
  const kdf = kdfOf(choice.kdf);
  const places = {
    what: 'passphrase',
    file: choice['passphrase-file'],
    fd: choice['passphrase-fd'],
    prompt: choice['passphrase-prompt'],
    question: 'passphrase: ',
  };
  const bytes = await findSecret(places);
  if (bytes === null) return null;
  const passphrase = passphraseOf(bytes, kdf);
  if (purpose === 'seal' && places.prompt === true && (await ask('the same once more: ')) !== textOf('passphrase', bytes)) {
    throw new PspError('KEY_MALFORMED', 'passphrase: expected the same twice');
  }
  return passphrase;
}

/** The MAC key that the options or the environment name, or null. Its file may be sealed with a passphrase, as that of a key. */
export async function findMacKey(choice: MacChoice & KeyChoice): Promise<MacKey | null> {
  checkDescriptors(choice['mac-key-fd'], choice['key-fd'], choice['passphrase-fd']);
  const places = {
    what: 'MAC key',
    file: choice['mac-key-file'],
    fd: choice['mac-key-fd'],
    prompt: choice['mac-prompt'],
    question: 'MAC key: ',
  };
  const bytes = (await findSecret(places)) ?? findInEnvironment(MAC_VARIABLE);
  return bytes === null ? null : parseMacKey((await openKeyText(bytes, choice)).text);
}

/** As {@link findMacKey}, for an option that cannot do without. */
export async function demandMacKey(choice: MacChoice & KeyChoice, option: string): Promise<MacKey> {
  const key = await findMacKey(choice);
  if (key === null) throw usage(`${option} needs a MAC key: give --mac-key-file, ${MAC_VARIABLE} or --mac-prompt`);
  return key;
}

/** The text of a key or a ring out of a file, which may be sealed with a passphrase; and that passphrase, to seal it again. */
export async function openKeyText(
  bytes: Uint8Array,
  choice: PassphraseChoice,
): Promise<{ readonly text: string; readonly passphrase: Passphrase | null }> {
  const sealed = isArmored(bytes) ? dearmor(bytes) : isSealed(bytes) ? bytes : null;
  if (sealed === null) return { text: textOf('key', bytes), passphrase: null };
  const passphrase =
    (await findPassphrase(choice, 'open')) ?? (canAsk() ? passphraseOf(encode(await ask('passphrase: ')), kdfOf(choice.kdf)) : null);
  if (passphrase === null) {
    throw new PspError('KEY_MISSING', `the key file is sealed: give --passphrase-file, set ${PASSPHRASE_VARIABLE}, or run at a terminal`);
  }
  const text = await open(sealed, passphrase);
  return { text: textOf('key', text), passphrase };
}

async function parseSource(bytes: Uint8Array, choice: PassphraseChoice): Promise<EncryptionKey | KeyRing> {
  const { text } = await openKeyText(bytes, choice);
  return text.trimStart().startsWith('{') ? parseKeyRing(text) : parseKey(text);
}

function passphraseInEnvironment({ kdf }: PassphraseChoice): Passphrase | null {
  const bytes = findInEnvironment(PASSPHRASE_VARIABLE);
  return bytes === null ? null : passphraseOf(bytes, kdfOf(kdf));
}

/** A passphrase without the line end that an editor put behind it. */
function passphraseOf(bytes: Uint8Array, kdf: KdfParameters): Passphrase {
  const text = textOf('passphrase', bytes).replace(/\r?\n$/, '');
  if (text === '') throw new PspError('KEY_MALFORMED', 'passphrase: expected at least one character');
  return new Passphrase(text, { kdf });
}

function kdfOf(name: string | undefined): KdfParameters {
  if (name === undefined) return KDF_DEFAULTS.argon2id;
  if (!Object.hasOwn(KDF_DEFAULTS, name)) throw usage(`--kdf is one of ${Object.keys(KDF_DEFAULTS).join(', ')}`);
  return KDF_DEFAULTS[name as keyof typeof KDF_DEFAULTS];
}

function textOf(what: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new PspError('KEY_MALFORMED', `${what}: expected text in UTF-8`);
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function checkDescriptors(...fds: readonly (string | undefined)[]): void {
  const given = fds.filter((fd) => fd !== undefined);
  if (new Set(given.map(Number)).size < given.length) throw usage('each secret needs a descriptor of its own');
}
