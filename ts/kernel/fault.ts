/**
 * The faults of strict Base64 as errors, so that every kernel fails with the same code, the same offset and the same words.
 * A message names the place and the rule that was broken, never a byte of the input: Base64 here may hold cookies and keys.
 */
import { PspError, type PspErrorCode } from '../errors.ts';

/** The codes with which `decodeBase64` can refuse its input. */
export type Base64FaultCode = Extract<PspErrorCode, `KERNEL_BASE64_${string}`>;

/** The error for one fault; `offset` is in bytes from the start of the Base64 text and becomes `details.offset`. */
export function base64Fault(code: Base64FaultCode, offset: number): PspError {
  return new PspError(code, `Base64 at offset ${offset}: ${RULES[code]}`, { details: { offset } });
}

const RULES: Readonly<Record<Base64FaultCode, string>> = {
  KERNEL_BASE64_CHARACTER: 'expected a character of the standard alphabet (RFC 4648 section 4), found another byte',
  KERNEL_BASE64_PADDING: 'found a "=" that does not complete the last group of four',
  KERNEL_BASE64_LENGTH: 'expected the length to be a multiple of four, but the text ends here',
  KERNEL_BASE64_TRAILING_BITS: 'the last character before the padding carries bits that no encoder writes (RFC 4648 section 3.5)',
};
