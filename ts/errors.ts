/**
 * How things fail: one class, one literal union of codes. A code's prefix names the area that failed. A message names the
 * place, what was expected and what came; it never holds a cookie value, a storage value, a key or a nonce.
 * The caller's own mistakes (a wrong argument type, a number out of range) are TypeError and RangeError instead.
 */

/** Every code a {@link PspError} can carry. The part before the first underscore is the area. */
export type PspErrorCode =
  | 'KERNEL_BASE64_CHARACTER'
  | 'KERNEL_BASE64_LENGTH'
  | 'KERNEL_BASE64_PADDING'
  | 'KERNEL_BASE64_TRAILING_BITS'
  | 'KERNEL_ELEMENTS_MALFORMED'
  | 'KERNEL_MEMORY'
  | 'KERNEL_UNAVAILABLE'
  | 'SESSION_INVALID'
  | 'SESSION_LOSSY'
  | 'SESSION_UNSUPPORTED_VERSION'
  | 'SESSION_CLONE_MALFORMED'
  | 'SESSION_CLONE_UNSUPPORTED'
  | 'FORMAT_MALFORMED'
  | 'BLOB_NOT_A_BLOB'
  | 'BLOB_UNSUPPORTED_VERSION'
  | 'BLOB_MALFORMED'
  | 'BLOB_TRUNCATED'
  | 'BLOB_SECTION_ENCODING'
  | 'BLOB_SECTION_HASH'
  | 'BLOB_LIMIT'
  | 'BLOB_UNSUPPORTED_CODEC'
  | 'DIFF_CONFLICT'
  | 'DIFF_REDACTED'
  | 'MERGE_MALFORMED'
  | 'MERGE_FORK'
  | 'MERGE_EPOCH'
  | 'MERGE_NEED_STATE'
  | 'MERGE_DRIFT'
  | 'MERGE_LIMIT'
  | 'MERGE_UNRELATED'
  | 'ENVELOPE_NOT_SEALED'
  | 'ENVELOPE_UNSUPPORTED_VERSION'
  | 'ENVELOPE_MALFORMED'
  | 'ENVELOPE_LIMIT'
  | 'ENVELOPE_CONTEXT'
  | 'ENVELOPE_TAMPERED'
  | 'ENVELOPE_TRUNCATED'
  | 'ENVELOPE_ROLLBACK'
  | 'ENVELOPE_NO_CRYPTO'
  | 'KEY_MALFORMED'
  | 'KEY_UNKNOWN'
  | 'KEY_WRONG'
  | 'KEY_MISSING'
  | 'KEY_REVOKED'
  | 'KEY_EXPIRED'
  | 'KEY_STATE'
  | 'KEY_SERVICE'
  | 'STORE_GONE'
  | 'STORE_CONFLICT'
  | 'STORE_MALFORMED'
  | 'PROVIDER_CONFLICT'
  | 'PROVIDER_INVALID_KEY'
  | 'PROVIDER_TOO_LARGE'
  | 'PROVIDER_CORRUPT'
  | 'PROVIDER_CURSOR'
  | 'PROVIDER_UNAVAILABLE'
  | 'PROVIDER_THROTTLED'
  | 'PROVIDER_TIMEOUT'
  | 'PROVIDER_UNSUPPORTED'
  | 'PROVIDER_CLOSED'
  | 'ADAPTER_CONNECT'
  | 'ADAPTER_DISCONNECTED'
  | 'ADAPTER_PROTOCOL'
  | 'ADAPTER_TIMEOUT'
  | 'ADAPTER_UNSUPPORTED'
  | 'ADAPTER_INCOMPLETE';

/** Facts about a failure that a program may read: places, counts, names. Never a secret. */
export type PspErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

/** A failure with a code that a program can switch on, and a message that helps a person. */
export class PspError extends Error {
  readonly code: PspErrorCode;
  readonly details: PspErrorDetails;

  constructor(code: PspErrorCode, message: string, options: { cause?: unknown; details?: PspErrorDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PspError';
    this.code = code;
    this.details = options.details ?? {};
  }
}
