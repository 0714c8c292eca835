/**
 * What a format could not carry. Every reader and writer of `ts/formats/` returns these beside its result, so that nothing is lost silently.
 */

/** One thing of the source that is not, or not exactly, in the result. */
export interface Loss {
  /** JSON Pointer (RFC 6901) into the source: the file when reading, the Session when writing. */
  readonly pointer: string;
  /** Why, for a person. Never a value of the source. */
  readonly reason: string;
  /** `lossy`: it is there but less exact. `dropped`: it is not there at all. */
  readonly severity: 'lossy' | 'dropped';
}
