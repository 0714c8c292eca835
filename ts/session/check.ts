/**
 * Whether a Session is valid: its documents through every stage of `validate.ts`, and besides what only the content of its sections shows. Reads
 * every section once.
 */
import { PspError } from '../errors.ts';
import { RECORDS_MEDIA_TYPE } from './clone/records.ts';
import { type SectionEntry, toHeader, toState } from './document.ts';
import type { StateShape } from './generated/document.ts';
import { explainIssues, hasError, type Issue, IssueList, sortIssues } from './issue.ts';
import { checkRecords, checkValue } from './semantic/record.ts';
import { references } from './semantic/section.ts';
import type { Section, Session } from './session.ts';
import { MAX_ISSUES, type ValidateOptions, validateDocument } from './validate.ts';

/** Issues that the error of {@link assertSession} names. */
const SHOWN_ISSUES = 5;

/**
 * Every issue of a session, up to a number. Pointers are those of its documents: sections are numbered in the order in which the state refers to
 * them. Reads each section; memory for one at a time.
 */
export async function validateSession(session: Session, options: ValidateOptions = {}): Promise<Issue[]> {
  const sections = new Map<Section, string>();
  let documents: { header: unknown; state: unknown };
  try {
    const refer = (section: Section): { $section: string } => {
      const id = sections.get(section) ?? `s${sections.size}`;
      sections.set(section, id);
      return { $section: id };
    };
    const state = toState(session, { section: refer, text: (value) => value });
    documents = { header: toHeader(session, { length: 0, sha256: NO_HASH }, tableOf(sections)), state };
  } catch (error) {
    return [asIssue(error)];
  }
  const found = validateDocument(documents.header, documents.state, options);
  if (hasError(found)) return found;
  const issues = new IssueList(options.maxIssues ?? MAX_ISSUES);
  for (const issue of found) issues.add(issue);
  await checkContents(session, documents.state as StateShape, sections, issues);
  return issues.take();
}

/**
 * Returns when {@link validateSession} finds no error.
 *
 * @throws PspError `SESSION_INVALID`: the message has the first errors, `details` the pointer and rule of the first and the number of errors.
 */
export async function assertSession(session: Session, options: ValidateOptions = {}): Promise<void> {
  const errors = sortIssues(await validateSession(session, options)).filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first === undefined) return;
  const more = errors.length > SHOWN_ISSUES ? `; and ${errors.length - SHOWN_ISSUES} more` : '';
  const { pointer, code, stage } = first;
  throw new PspError('SESSION_INVALID', `session: ${explainIssues(errors.slice(0, SHOWN_ISSUES)).replaceAll('\n', '; ')}${more}`, {
    details: { pointer, rule: code, stage, errors: errors.length },
  });
}

const NO_HASH = '0'.repeat(64);

/** The table that a packed blob would have: hashes are the blob's own business. */
function tableOf(sections: ReadonlyMap<Section, string>): SectionEntry[] {
  let offset = 0;
  return [...sections].map(([{ mediaType, length }, id]) => {
    const entry = { id, kind: 'section', mediaType, offset, length, rawLength: length, sha256: NO_HASH };
    offset += length;
    return entry;
  });
}

/** Mapping refuses a time that the form cannot hold; the error has its place and nothing else. */
function asIssue(error: unknown): Issue {
  if (!(error instanceof PspError) || error.code !== 'SESSION_INVALID') throw error;
  const pointer = String(error.details['pointer'] ?? '');
  return { code: 'time-calendar', pointer, message: 'must be whole milliseconds from 1970 to 9999', severity: 'error', stage: 'semantic' };
}

async function checkContents(session: Session, state: StateShape, ids: ReadonlyMap<Section, string>, issues: IssueList): Promise<void> {
  const places = new Map<string, string[]>();
  for (const { pointer, reference } of references(state)) {
    const pointers = places.get(reference.$section);
    if (pointers === undefined) places.set(reference.$section, [pointer]);
    else pointers.push(pointer);
  }
  let i = 0;
  for (const [section, id] of ids) {
    if (issues.full) return;
    const bytes = await readSection(section, i++, issues);
    if (bytes === null) continue;
    for (const pointer of places.get(id) ?? []) checkPlace(session, section, bytes, pointer, issues);
  }
}

async function readSection(section: Section, i: number, issues: IssueList): Promise<Uint8Array | null> {
  let bytes: Uint8Array;
  try {
    bytes = await section.bytes();
  } catch (error) {
    const code = error instanceof PspError ? error.code : '';
    if (code === 'BLOB_SECTION_HASH') issues.semantic('error', 'section-hash', `/sections/${i}/sha256`, 'is not the hash of the section');
    else if (code === 'BLOB_SECTION_ENCODING')
      issues.semantic(
        'error',
        'section-encoding',
        `/sections/${i}/length`,
        'what stands there is not the encoding of a section of this length',
      );
    else issues.semantic('error', 'section-unreadable', `/sections/${i}`, 'cannot be read');
    return null;
  }
  if (bytes.length === section.length) return bytes;
  issues.semantic('error', 'section-length', `/sections/${i}/rawLength`, `is ${section.length}, the section has ${bytes.length} bytes`);
  return null;
}

const RECORDS_PLACE = /^\/storage\/(\d+)\/indexedDB\/(\d+)\/stores\/(\d+)\/records$/;
const HISTORY_STATE = /^\/tabs\/\d+\/history\/entries\/\d+\/state$/;

function checkPlace(session: Session, { mediaType }: Section, bytes: Uint8Array, pointer: string, issues: IssueList): void {
  if (HISTORY_STATE.test(pointer)) checkValue(bytes, pointer, issues);
  const place = RECORDS_PLACE.exec(pointer);
  if (place === null) return;
  const store = session.storage[Number(place[1])]?.indexedDB[Number(place[2])]?.stores[Number(place[3])];
  if (store === undefined) return;
  if (mediaType === RECORDS_MEDIA_TYPE) checkRecords(store, bytes, pointer, issues);
  else issues.semantic('warning', 'section-media-type', pointer, 'is not of the media type of records; they are not looked at');
}
