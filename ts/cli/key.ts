/** `psp key`: a fresh key in a file of its own, and the keys of a ring with their states. Names and states are shown, never a key. */
import { EncryptionKey, formatKey, formatMacKey, generateKey, generateMacKey, isKid } from '../envelope/key.ts';
import { KeyRing, type KeyRingEntry } from '../envelope/keyring.ts';
import { onlyArgument, readArguments, readOptions } from './arguments.ts';
import { usage } from './failure.ts';
import { createWhole } from './file.ts';
import {
  findNamedPassphrase,
  KDF_OPTIONS,
  KEY_OPTIONS,
  type KeyChoice,
  PASSPHRASE_OPTIONS,
  type PassphraseChoice,
  readKey,
} from './key-source.ts';
import { asKeyFile, changeRing, readRing } from './ring-file.ts';
import { table } from './text.ts';

const VERBS: Readonly<Record<string, (args: string[]) => Promise<void>>> = {
  new: runNew,
  import: runImport,
  list: runList,
  promote: runPromote,
  revoke: runRevoke,
  destroy: runDestroy,
};

const RING_OPTIONS = { ring: { type: 'string' }, ...PASSPHRASE_OPTIONS, ...KDF_OPTIONS } as const;

export async function runKey(args: readonly string[]): Promise<void> {
  const [verb, ...rest] = args;
  const run = verb !== undefined && Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (run === undefined) throw usage(`the key commands are psp key ${Object.keys(VERBS).join(', ')}`);
  await run(rest);
}

async function runNew(args: string[]): Promise<void> {
  const values = readOptions(args, {
    ...RING_OPTIONS,
    out: { type: 'string', short: 'o' },
    mac: { type: 'boolean' },
    name: { type: 'string' },
    'not-after': { type: 'string' },
  });
  const { out, ring, name, mac = false } = values;
  const notAfter = values['not-after'];
  if (name !== undefined && !isKid(name)) throw usage('--name takes 1 to 64 characters of A-Z, a-z, 0-9, _ and -');
  if (ring !== undefined) {
    if (out !== undefined) throw usage('key new needs -o FILE or --ring FILE, not both');
    if (mac) throw usage('a ring holds no MAC keys: give --mac with -o FILE');
    await addKey(ring, values, generateKey(name), notAfter === undefined ? null : parseTime(notAfter));
    return;
  }
  if (out === undefined) throw usage('key new needs -o FILE, or --ring FILE');
  if (notAfter !== undefined) throw usage('--not-after goes with --ring');
  await (mac ? writeMacKey(out, name, values) : writeKey(out, name, values));
}

async function writeKey(out: string, name: string | undefined, choice: PassphraseChoice): Promise<void> {
  const key = generateKey(name);
  // A key file is never replaced: what was sealed with the old key would be lost.
  await createWhole(out, await asKeyFile(formatKey(key), await findNamedPassphrase(choice, 'seal')));
  process.stdout.write(`wrote key ${key.kid} to ${out}: whoever has it opens every session that is sealed with it\n`);
}

async function writeMacKey(out: string, name: string | undefined, choice: PassphraseChoice): Promise<void> {
  const key = generateMacKey(name);
  await createWhole(out, await asKeyFile(formatMacKey(key), await findNamedPassphrase(choice, 'seal')));
  process.stdout.write(`wrote MAC key ${key.kid} to ${out}: whoever has it can make and check integrity tags, and open nothing\n`);
}

/** A key that is in a file of its own already, into a ring. */
async function runImport(args: string[]): Promise<void> {
  const values = readOptions(args, { ...RING_OPTIONS, ...KEY_OPTIONS });
  const path = ringPath(values.ring);
  const key = await readKey(values);
  if (!(key instanceof EncryptionKey)) throw usage('key import needs a single key');
  await addKey(path, values, key, null);
}

/** The first key of a ring is its primary, each later one is pending. */
async function addKey(path: string, choice: PassphraseChoice, key: EncryptionKey, notAfterMs: number | null): Promise<void> {
  const now = Date.now();
  if (notAfterMs !== null && notAfterMs <= now) throw usage('--not-after takes a time to come');
  const limit = notAfterMs === null ? {} : { notAfterMs };
  const ring = await changeRing(path, choice, (old) => (old === null ? KeyRing.of(key, now, limit) : old.add(key, now, limit)));
  const state =
    ring.primaryKid === key.kid
      ? 'it is the primary and seals from now on'
      : 'it is pending and opens already; promote it when every reader has this ring';
  process.stdout.write(`added key ${key.kid} to ${path}: ${state}\n`);
}

async function runList(args: string[]): Promise<void> {
  const values = readOptions(args, { ...RING_OPTIONS, ...KEY_OPTIONS, json: { type: 'boolean' } });
  const keys = await listKeys(values);
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify({ keys })}\n`);
    return;
  }
  const rows = keys.map(({ kid, state = 'single key', kcv = '', sinceMs, notAfterMs, revokedFor = '' }) => [
    kid,
    `${state}${revokedFor === '' ? '' : `, ${revokedFor}`}`,
    kcv,
    showTime(sinceMs),
    showTime(notAfterMs),
  ]);
  process.stdout.write(`${table([['key', 'state', 'check value', 'since', 'seals until'], ...rows])}\n`);
}

/** A single key has a name only. */
type ListedKey = Pick<KeyRingEntry, 'kid'> & Partial<KeyRingEntry>;

async function listKeys(choice: KeyChoice & { readonly ring?: string | undefined }): Promise<readonly ListedKey[]> {
  const key = choice.ring === undefined ? await readKey(choice) : await readRing(choice.ring, choice);
  return key instanceof KeyRing ? key.list() : [{ kid: key.kid }];
}

async function runPromote(args: string[]): Promise<void> {
  const { path, kid, choice } = parseKidArgs('promote', args);
  let before = '';
  await changeRing(path, choice, (ring) => {
    const found = demandRing(ring);
    before = found.primaryKid;
    return found.promote(kid, Date.now());
  });
  process.stdout.write(`key ${kid} is the primary now and seals; ${before} still opens: psp rotate brings a store over\n`);
}

async function runRevoke(args: string[]): Promise<void> {
  const { path, kid, choice, reason } = parseKidArgs('revoke', args);
  if (reason !== 'compromised' && reason !== 'retired') throw usage('key revoke needs --reason compromised, or --reason retired');
  await changeRing(path, choice, (ring) => demandRing(ring).revoke(kid, reason, Date.now()));
  const next = reason === 'compromised' ? 'psp rotate --mode reseal' : 'psp rotate';
  process.stdout.write(`key ${kid} is revoked as ${reason} and opens nothing any more; ${next} still takes blobs off it\n`);
}

async function runDestroy(args: string[]): Promise<void> {
  const { path, kid, choice } = parseKidArgs('destroy', args);
  await changeRing(path, choice, (ring) => demandRing(ring).destroy(kid));
  process.stdout.write(`key ${kid} is destroyed in ${path}: what only it opened is lost; copies of older rings still have it\n`);
}

function parseKidArgs(
  verb: string,
  args: string[],
): { readonly path: string; readonly kid: string; readonly reason: string | undefined; readonly choice: PassphraseChoice } {
  const { values, positionals } = readArguments(args, { ...RING_OPTIONS, reason: { type: 'string' } });
  const kid = onlyArgument(positionals, `key ${verb} needs the name of one key`);
  // Not repeated: what is no name may be anything.
  if (!isKid(kid)) throw usage('the name of a key is 1 to 64 characters of A-Z, a-z, 0-9, _ and -');
  if (values.reason !== undefined && verb !== 'revoke') throw usage('--reason goes with key revoke');
  return { path: ringPath(values.ring), kid, reason: values.reason, choice: values };
}

function ringPath(ring: string | undefined): string {
  if (ring === undefined) throw usage('this key command needs --ring FILE');
  return ring;
}

/** There is no ring to change where there is no file. */
function demandRing(ring: KeyRing | null): KeyRing {
  if (ring === null) throw usage('there is no such ring yet: psp key new --ring FILE makes one');
  return ring;
}

/** RFC 3339, or a date alone, which begins at midnight UTC. */
function parseTime(text: string): number {
  const timeMs = /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timeMs)) throw usage('--not-after takes a time such as 2030-01-31 or 2030-01-31T12:00:00Z');
  return timeMs;
}

function showTime(timeMs: number | undefined): string {
  return timeMs === undefined ? '' : new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ');
}
