/**
 * `psp verify`: how far a file can be trusted with what is given. With an integrity tag and its MAC key, without being able to open it; with a key, by
 * opening it and throwing the content away; with neither, its structure only, which says nothing about who wrote it. A file of sealed fields likewise.
 * Or an audit log.
 */
import { dearmor, isArmored } from '../envelope/armor.ts';
import { isFieldFile } from '../envelope/field-text.ts';
import { parseHeader } from '../envelope/header.ts';
import { verifyIntegrity } from '../envelope/integrity.ts';
import { KeyRing } from '../envelope/keyring.ts';
import { openSealed } from '../envelope/open.ts';
import { expectWhole } from '../envelope/verify.ts';
import { PspError } from '../errors.ts';
import { type VerifiedAudit, verifyAudit } from '../store/audit.ts';
import { openSealedFields } from '../store/field-file.ts';
import { peekFields } from '../store/field-peek.ts';
import { onlyArgument, print, readArguments } from './arguments.ts';
import { macKeysOf } from './audit-file.ts';
import { logLinesOf, parseHead, showHead } from './chained-log.ts';
import { CONTEXT_OPTIONS, contextFrom } from './context-option.ts';
import { usage } from './failure.ts';
import { readWhole } from './file.ts';
import { demandMacKey, findKey, findMacKey, KEY_OPTIONS, type KeyChoice, MAC_OPTIONS, type MacChoice } from './key-source.ts';
import { showBytes, showName } from './text.ts';

/** What was found, as `--json` has it. */
interface Finding {
  /** How much is proven: all of it by a tag or by opening, or nothing but the form. */
  readonly verified: 'tag' | 'content' | 'structure';
  /** The key that proved it, or those that the header claims. */
  readonly keys: readonly string[];
}

/** Verifies a file, or with `--audit` a log; a failure has the code of what is wrong. */
export async function runVerify(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, {
    ...KEY_OPTIONS,
    ...MAC_OPTIONS,
    ...CONTEXT_OPTIONS,
    tag: { type: 'string' },
    audit: { type: 'boolean' },
    head: { type: 'string' },
    json: { type: 'boolean' },
  });
  const path = onlyArgument(positionals, 'verify needs one FILE');
  const { audit = false, tag, head } = values;
  if (audit && tag !== undefined) throw usage('--tag goes with a sealed file, not with --audit');
  if (!audit && head !== undefined) throw usage('--head goes with --audit');
  if (audit) {
    const found = await verifyLog(await readWhole(path), values, head);
    print(values, { entries: found.entries.length, head: found.head }, showLog(found));
    return;
  }
  const context = contextFrom(values);
  const bytes = await readWhole(path);
  const finding =
    tag === undefined ? await verifyContent(bytes, values, context) : await verifyTag(bytes, await readWhole(tag), values, context);
  print(values, { ...finding, fileBytes: bytes.length }, showFinding(finding, bytes.length));
}

async function verifyTag(bytes: Uint8Array, tag: Uint8Array, choice: MacChoice & KeyChoice, context: object): Promise<Finding> {
  const macKey = await demandMacKey(choice, '--tag');
  const { kid } = await verifyIntegrity(bytes, tag, macKey, context);
  return { verified: 'tag', keys: [kid] };
}

async function verifyContent(bytes: Uint8Array, choice: KeyChoice, context: object): Promise<Finding> {
  if (isFieldFile(bytes)) return verifyFields(bytes, choice, context);
  const sealed = isArmored(bytes) ? dearmor(bytes) : bytes;
  const header = parseHeader(sealed);
  expectWhole(header, sealed.length - header.headerBytes);
  const key = await findKey(choice);
  if (key === null) return { verified: 'structure', keys: header.wraps.map(({ kid }) => kid) };
  const { plaintext, kid } = await openSealed(sealed, key, context);
  plaintext.fill(0);
  return { verified: 'content', keys: [kid] };
}

/** With a key: the manifest, and that each value belongs to its place. */
async function verifyFields(bytes: Uint8Array, choice: KeyChoice, context: object): Promise<Finding> {
  const key = await findKey(choice);
  if (key === null) return { verified: 'structure', keys: peekFields(bytes).unverified.wraps.map(({ kid }) => kid) };
  const { kid } = await openSealedFields(bytes, key, context);
  return { verified: 'content', keys: [kid] };
}

async function verifyLog(bytes: Uint8Array, choice: KeyChoice & MacChoice, head: string | undefined): Promise<VerifiedAudit> {
  const options = parseHead(head, 'psp verify --audit');
  const macKey = await findMacKey(choice);
  const ring = macKey === null ? await findKey(choice) : null;
  if (ring !== null && !(ring instanceof KeyRing)) throw usage('--audit needs a MAC key, or the key ring of the rotation');
  const keys = macKey === null ? (ring === null ? [] : macKeysOf(ring)) : [macKey];
  if (keys.length === 0) throw usage('--audit needs a MAC key, or the key ring of the rotation');
  const lines = logLinesOf(bytes, (cause) => new PspError('ENVELOPE_TAMPERED', 'audit log: expected text in UTF-8', { cause }));
  return verifyAudit(lines, keys, options);
}

function showFinding({ verified, keys }: Finding, fileBytes: number): string {
  const kids = keys.map((kid) => showName(kid)).join(', ');
  const said = {
    tag: `unchanged since it was tagged with MAC key ${kids}; whether it opens was not asked`,
    content: `authentic and whole: key ${kids} opens all of it`,
    structure: `has the form of a sealed file, for key ${kids}. NOT verified: give a key, or --tag with a MAC key`,
  };
  return `${showBytes(fileBytes)}: ${said[verified]}\n`;
}

function showLog({ entries, head }: VerifiedAudit): string {
  const counts = new Map<string, number>();
  for (const { outcome } of entries) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const list = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
  return `${entries.length} entries, unchanged and in order${list === '' ? '' : `: ${list}`}\n${showHead(head)}`;
}
