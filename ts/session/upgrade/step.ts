/**
 * What a step between two versions of the session document is, and what it works on. Documents are plain JSON here, not the types of
 * `document.ts`: those change with every version, a step never does.
 */

/** A value as `JSON.parse` gives it. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object, with the members that a version knows and those that it does not. */
export interface JsonObject {
  readonly [name: string]: Json;
}

/** The two documents of a session, in the version that `header.psp` names. */
export interface SessionDocuments {
  readonly header: JsonObject;
  readonly state: JsonObject;
}

/**
 * What becomes of one thing for a reader of the version that is converted to. All but `lossy` are parked, and come back on the way back.
 * `lossless`: such a reader misses nothing. `defaulted`: it takes what it takes where the member is absent. `lossy`: it sees it, less exactly.
 * `dropped`: it does not see it at all.
 */
export type LossSeverity = 'lossless' | 'defaulted' | 'lossy' | 'dropped';

/** One thing that a version cannot hold as the other did. */
export interface VersionLoss {
  /** JSON Pointer (RFC 6901) into the source, `{ header, state }` for documents. Made of the schema's names and of indexes only. */
  readonly pointer: string;
  /** Why, for a person. Never a value of the source. */
  readonly reason: string;
  readonly severity: LossSeverity;
}

/** Gives the text of the text section with this id, or null when there is no such section, or it holds no text. */
export type TextReader = (id: string) => Promise<string | null>;

/** Takes down a loss. */
export type LossReport = (loss: VersionLoss) => void;

/**
 * Two neighbouring versions and the way between them. Both ways are pure: no clock, no randomness, the documents that come in are not written to,
 * and nothing but text sections is read. Guarantees, for documents that their schema accepts:
 *
 * 1. `up(down(x))` is x and `down(up(y))` is y, as JSON values (the order of members is not one), unknown members included.
 * 2. What comes out is accepted by the schema of the other version, if what was parked in it is.
 * 3. What a reader of the other version does not see as before is reported.
 */
export interface Step {
  readonly from: string;
  readonly to: string;
  up(documents: SessionDocuments, report: LossReport, readText: TextReader): Promise<SessionDocuments>;
  down(documents: SessionDocuments, report: LossReport, readText: TextReader): Promise<SessionDocuments>;
}

/** True for a JSON object: not null, not an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
