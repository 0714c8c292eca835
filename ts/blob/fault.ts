/** Errors of the blob. Messages name places and numbers, never what stands there. */
import { PspError, type PspErrorCode, type PspErrorDetails } from '../errors.ts';

/** The error of a blob that cannot be read. */
export function blobError(code: PspErrorCode, message: string, details: PspErrorDetails = {}): PspError {
  return new PspError(code, message, { details });
}
