/**
 * `psp validate`: every issue of a session file as a table, never a value. A blob of either framing, sealed or not, is judged part by part, so that one
 * fault hides no other.
 */
import { decodeSession } from '../blob/decode.ts';
import { locateDocuments } from '../blob/header.ts';
import { sha256Hex } from '../digest.ts';
import { PspError } from '../errors.ts';
import { decodeBase64 } from '../kernel/current.ts';
import { validateSession } from '../session/check.ts';
import type { HeaderShape } from '../session/generated/document.ts';
import { hasError, type Issue, IssueList, sortIssues } from '../session/issue.ts';
import { parseJson } from '../session/json.ts';
import { checkContent } from '../session/semantic/section.ts';
import { validateDocument } from '../session/validate.ts';
import { onlyArgument, print, readArguments } from './arguments.ts';
import { EXIT_STATUS, usage } from './failure.ts';
import { readWhole } from './file.ts';
import { findKey, KEY_OPTIONS } from './key-source.ts';
import { isClear, isText, openFile } from './session-file.ts';
import { showName, table } from './text.ts';

const LF = 0x0a;

/** Shows the issues of a file; sets exit status 3 when there is an error. */
export async function runValidate(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, { ...KEY_OPTIONS, json: { type: 'boolean' } });
  const bytes = await readWhole(onlyArgument(positionals, 'validate needs one FILE'));
  const issues = await validateBlob(await openWhole(bytes, values), Date.now());
  const valid = !hasError(issues);
  print(values, { valid, issues }, showIssues(issues, valid));
  if (!valid) process.exitCode = EXIT_STATUS.invalid;
}

async function openWhole(bytes: Uint8Array<ArrayBuffer>, options: Parameters<typeof findKey>[0]): Promise<Uint8Array> {
  // What is neither clear nor sealed is refused by `openFile`.
  if (isClear(bytes)) return bytes;
  const key = await findKey(options);
  if (key === null) throw usage('the file is sealed: give --key-file, PSP_KEY or --prompt');
  return openFile(bytes, key);
}

function showIssues(issues: readonly Issue[], valid: boolean): string {
  const rows = sortIssues(issues).map(({ stage, severity, code, pointer, message }) => [
    stage,
    severity,
    code,
    pointer === '' ? '(document)' : showName(pointer, 120),
    showName(message, 160),
  ]);
  const list = rows.length === 0 ? '' : `${table([['stage', 'severity', 'code', 'pointer', 'message'], ...rows])}\n`;
  return `${list}${valid ? 'valid' : 'not valid'}\n`;
}

/** Every issue of a clear blob, in every stage. `now` is milliseconds since the epoch. */
export async function validateBlob(blob: Uint8Array, now: number): Promise<Issue[]> {
  const parts = isText(blob) ? splitLines(blob) : splitPacked(blob);
  if (parts === null) return validateDecoded(blob, now);
  const header = parseJson(parts.header);
  const state = parseJson(parts.state);
  const parsed = [...header.issues, ...state.issues];
  if (hasError(parsed)) return parsed;
  const judged = [...parsed, ...validateDocument(header.value, state.value, { now })];
  const found = [...judged, ...(isShaped(judged) ? checkSections(parts.contentAt, header.value as HeaderShape) : [])];
  if (hasError(found)) return found;
  // Lengths, the hash of the state, and the records: what the documents alone do not show.
  const whole = await validateDecoded(blob, now);
  return [...found, ...whole.filter((issue) => !found.some((known) => known.code === issue.code && known.pointer === issue.pointer))];
}

/** A blob in its parts, by what it says of itself. */
interface Parts {
  readonly header: Uint8Array;
  readonly state: Uint8Array;
  /** The content of a section without a codec, which starts at `offset` and takes `length` bytes. */
  contentAt(offset: number, length: number): Uint8Array;
}

/** By lines, not by stated lengths: a wrong length shall hide nothing else. */
function splitLines(blob: Uint8Array): Parts | null {
  const headerEnd = blob.indexOf(LF);
  if (headerEnd === -1) return null;
  const stateLf = blob.indexOf(LF, headerEnd + 1);
  const stateEnd = stateLf === -1 ? blob.length : stateLf;
  const lines = blob.subarray(stateEnd + 1);
  return {
    header: blob.subarray(0, headerEnd),
    state: blob.subarray(headerEnd + 1, stateEnd),
    contentAt: (offset, length) => decodeBase64(lines.subarray(offset, offset + length)),
  };
}

/** Null where not even the header can be found: decoding says why. */
function splitPacked(blob: Uint8Array): Parts | null {
  try {
    const { header, state, sections } = locateDocuments(blob);
    return { header, state, contentAt: (offset, length) => blob.subarray(sections + offset, sections + offset + length) };
  } catch (error) {
    if (error instanceof PspError) return null;
    throw error;
  }
}

/** Whether the schema found no error, so that the table of sections is one. */
function isShaped(issues: readonly Issue[]): boolean {
  return !issues.some(({ severity, stage, code }) => severity === 'error' && (stage !== 'semantic' || code === 'unsupported-version'));
}

/** Each section's content against the table. */
function checkSections(contentAt: Parts['contentAt'], header: HeaderShape): Issue[] {
  const issues = new IssueList(100);
  header.sections.forEach((entry, i) => {
    if (issues.full || entry.codec !== undefined) return;
    try {
      checkContent(entry, i, contentAt(entry.offset, entry.length), sha256Hex, issues);
    } catch (error) {
      if (!(error instanceof PspError)) throw error;
      issues.semantic('error', 'section-encoding', `/sections/${i}/length`, `what stands there is not Base64: ${error.code}`);
    }
  });
  return issues.take();
}

async function validateDecoded(blob: Uint8Array, now: number): Promise<Issue[]> {
  try {
    return await validateSession(await decodeSession(blob), { now });
  } catch (error) {
    if (!(error instanceof PspError)) throw error;
    const at = error.details['pointer'];
    // The text of our errors names places and rules, never a value.
    const pointer = typeof at === 'string' ? at : '';
    return [{ code: 'blob', pointer, message: `${error.code}: ${error.message}`, severity: 'error', stage: 'parse' }];
  }
}
