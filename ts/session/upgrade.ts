/**
 * From one version of the session document to another, up and down, with a report of what the other version cannot hold. The Session in memory is
 * always of the newest version; older ones exist as documents. What a version cannot hold is parked in the document (`upgrade/park.ts`), so the way
 * there and back changes nothing; "lost" means: lost on the readers of that version.
 *
 * Documents are not validated here: check what comes out against the schema of its version before it is used.
 */
import { PspError } from '../errors.ts';
import { fromDocuments, type HeaderDocument, type SectionKind, type StateDocument, toHeader, toState } from './document.ts';
import { SCHEMA_VERSION, type Section, type Session, TEXT_MEDIA_TYPE, textOf } from './session.ts';
import { findPath, listVersions, readAs } from './upgrade/path.ts';
import { isObject, type SessionDocuments, type Step, type TextReader, type VersionLoss } from './upgrade/step.ts';
import { STEP_1_2 } from './upgrade/v1-v2.ts';
import { assertHeader, assertState, invalid } from './validate.ts';
import { compareVersions, unsupported } from './version.ts';

export type { Json, JsonObject, LossSeverity, SessionDocuments, TextReader, VersionLoss } from './upgrade/step.ts';

/** Every step there is. A released one is never edited. */
const STEPS: readonly Step[] = [STEP_1_2];

/** The versions of the session document that can be read and written, oldest first. */
export const VERSIONS: readonly string[] = listVersions(STEPS);

/** Documents in the version that was asked for. */
export interface Conversion {
  /** The versions that were read and written. A newer minor version is read as the newest of its major that is known. */
  readonly from: string;
  readonly to: string;
  readonly documents: SessionDocuments;
  /** At pointers of the source. Over several steps, each is at the pointer in the documents that its step was given. */
  readonly losses: readonly VersionLoss[];
}

/** A conversion that may have been a dry run: its documents are null. */
export interface Trial extends Omit<Conversion, 'documents'> {
  readonly documents: SessionDocuments | null;
}

export interface UpgradeOptions {
  /** Default: the newest version. */
  readonly to?: string;
  /** Texts of sections, which are asked for where a downgrade made them inline. Default: there are none, and they stay inline. */
  readonly readText?: TextReader;
  /** Only the report: nothing is given back. */
  readonly dryRun?: boolean;
}

export interface DowngradeOptions {
  readonly to: string;
  /** Texts of sections, which come inline in version 1.0. Default: there are none. */
  readonly readText?: TextReader;
  /** Only the report: nothing is given back, and nothing is refused. */
  readonly dryRun?: boolean;
  /** Goes on where {@link isLossy} is true of a loss. */
  readonly allowLoss?: boolean;
}

/** A session in any version, away from a blob: the documents, of which the header has no layout (`state`, `sections`), and the sections by id. */
export interface VersionedSession {
  readonly documents: SessionDocuments;
  readonly sections: ReadonlyMap<string, VersionedSection>;
}

/** `kind` is null for a section in a member that no version knows. */
export interface VersionedSection {
  readonly section: Section;
  readonly kind: SectionKind | null;
}

/** True when readers of the target version see less than was there: `lossy` and `dropped`. */
export function isLossy({ severity }: VersionLoss): boolean {
  return severity === 'lossy' || severity === 'dropped';
}

/**
 * The two documents in version `version`, whatever theirs is; what blobs call. Refuses no loss: look at `losses`. `header.state` and the layout in
 * `header.sections` are copied and describe the source. The documents are not written to. O(size).
 *
 * @throws PspError
 * - `SESSION_UNSUPPORTED_VERSION`: a version that is not known; it and the known ones are named;
 * - `SESSION_INVALID`: no documents, a section that `version` cannot hold (with a codec, or kept elsewhere), or a parked member of another form.
 *
 * Rejects with what `readText` rejects with.
 */
export async function documentsFor(version: string, header: unknown, state: unknown, readText: TextReader = noText): Promise<Conversion> {
  if (!isObject(header)) throw invalid('header', '', 'type');
  if (!isObject(state)) throw invalid('state', '', 'type');
  const from = readAs(header['psp'], VERSIONS);
  const path = VERSIONS.includes(version) ? findPath(STEPS, from, version) : null;
  if (path === null) throw unsupported(version, VERSIONS);
  const losses: VersionLoss[] = [];
  let documents: SessionDocuments = { header, state };
  for (const { step, way } of path) documents = await step[way](documents, (loss) => losses.push(loss), readText);
  return { from, to: version, documents, losses };
}

/**
 * Documents in a newer version. Never refuses a loss, since a file must open: what the stricter version does not take is parked and reported.
 *
 * @throws PspError as {@link documentsFor}; RangeError when `to` is older than the documents.
 */
export async function upgradeDocuments(documents: SessionDocuments, options: UpgradeOptions = {}): Promise<Trial> {
  const conversion = await documentsFor(options.to ?? newest(), documents.header, documents.state, options.readText);
  if (compareVersions(conversion.to, conversion.from) < 0)
    throw new RangeError(`upgradeDocuments: ${conversion.to} is older than ${conversion.from}`);
  return options.dryRun === true ? { ...conversion, documents: null } : conversion;
}

/**
 * Documents in an older version.
 *
 * @throws PspError `SESSION_LOSSY`, with `details.pointer` of the first loss and their number, unless `allowLoss` or `dryRun`; otherwise as
 * {@link documentsFor}; RangeError when `to` is newer than the documents.
 */
export async function downgradeDocuments(documents: SessionDocuments, options: DowngradeOptions): Promise<Trial> {
  const conversion = await documentsFor(options.to, documents.header, documents.state, options.readText);
  if (compareVersions(conversion.to, conversion.from) > 0)
    throw new RangeError(`downgradeDocuments: ${conversion.to} is newer than ${conversion.from}`);
  return settle(conversion, options);
}

/**
 * The Session of documents of any version, validated. What a downgrade parked is back in its place. On a dry run the session is null.
 *
 * @throws PspError as {@link upgradeDocuments}, and `SESSION_INVALID` when the schema refuses what comes out or a reference has no section.
 */
export async function upgradeSession(
  { documents, sections }: VersionedSession,
  options: Pick<UpgradeOptions, 'dryRun'> = {},
): Promise<{ session: Session | null; losses: readonly VersionLoss[] }> {
  const readText = textReader((id) => sections.get(id)?.section ?? null);
  const { documents: upgraded, losses } = await upgradeDocuments(documents, { to: SCHEMA_VERSION, readText });
  const { header, state } = upgraded as SessionDocuments;
  assertHeader({ ...header, ...NO_LAYOUT });
  assertState(state);
  const session = fromDocuments(header as unknown as HeaderDocument, state as unknown as StateDocument, ({ $section }, pointer) => {
    const found = sections.get($section);
    if (found === undefined) throw invalid('state', pointer, 'reference to a section');
    return found.section;
  });
  return { session: options.dryRun === true ? null : session, losses };
}

/**
 * A session in an older version, as documents and sections; {@link upgradeSession} is the way back. Losses are at pointers of the Session. On a dry
 * run the result is null. Reads text sections, and no others.
 *
 * @throws PspError as {@link downgradeDocuments}, and `SESSION_INVALID` for a session that the schema refuses.
 */
export async function downgradeSession(
  session: Session,
  options: Omit<DowngradeOptions, 'readText'>,
): Promise<{ session: VersionedSession | null; losses: readonly VersionLoss[] }> {
  const sections = new Map<string, VersionedSection>();
  const ids = new Map<Section, string>();
  const refer = (section: Section, kind: SectionKind | null) => {
    const $section = ids.get(section) ?? `s${ids.size}`;
    if (!ids.has(section)) sections.set($section, { section, kind });
    ids.set(section, $section);
    return { $section };
  };
  const state = toState(session, { section: refer, text: (value) => value });
  const whole = toHeader(session, NO_LAYOUT.state, NO_LAYOUT.sections);
  assertHeader(whole);
  assertState(state);
  const { state: _state, sections: _sections, ...header } = whole;
  const readText = textReader((id) => sections.get(id)?.section ?? null);
  const conversion = await documentsFor(options.to, header, state, readText);
  const losses = conversion.losses.map((loss) => ({ ...loss, pointer: loss.pointer.replace(/^\/(header|state)/, '') }));
  const { documents } = settle({ ...conversion, losses }, options);
  return { session: documents === null ? null : { documents, sections }, losses };
}

/** A {@link TextReader} over sections. What is not of {@link TEXT_MEDIA_TYPE}, or no whole number of UTF-16 units, is no text. */
export function textReader(sectionOf: (id: string) => Section | null): TextReader {
  return async (id) => {
    const section = sectionOf(id);
    return section === null || section.mediaType !== TEXT_MEDIA_TYPE || section.length % 2 === 1 ? null : textOf(section);
  };
}

/** A header without a framing lacks these; the schema wants them. */
const NO_LAYOUT = { state: { length: 0, sha256: '0'.repeat(64) }, sections: [] } as const;

function settle(conversion: Conversion, { dryRun, allowLoss }: Pick<DowngradeOptions, 'dryRun' | 'allowLoss'>): Trial {
  if (dryRun === true) return { ...conversion, documents: null };
  const { from, to } = conversion;
  const lossy = conversion.losses.filter(isLossy);
  const [first] = lossy;
  if (first === undefined || allowLoss === true) return conversion;
  const message = `a session of version ${from} loses ${lossy.length} things in version ${to}, the first at ${first.pointer}: ${first.reason}`;
  throw new PspError('SESSION_LOSSY', message, { details: { from, to, losses: lossy.length, pointer: first.pointer } });
}

function newest(): string {
  return VERSIONS.at(-1) as string;
}

async function noText(): Promise<null> {
  return null;
}
