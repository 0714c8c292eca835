/**
 * The faults of strict Base64 as errors, so that every kernel fails with the same code, the same offset and the same words.
 * A message names the place and the rule that was broken, never a byte of the input: Base64 here may hold cookies and keys.
 */
import { PspError, type PspErrorCode } from '../errors.ts';

/** The codes with which decoding can refuse its input. */
export type Base64FaultCode = Extract<PspErrorCode, `KERNEL_BASE64_${string}`>;

/**
 * The error for one fault. `offset` is in bytes from the start of the text and becomes `details.offset`; `part`, where many parts of one text are
 * decoded at once, becomes `details.part`.
 */
export function base64Fault(code: Base64FaultCode, offset: number, isUrl: boolean, part?: number): PspError {
  const rule = (isUrl ? URL_RULES : STANDARD_RULES)[code];
  const details = part === undefined ? { offset } : { offset, part };
  return new PspError(code, `Base64 at offset ${offset}: ${rule}`, { details });
}

type Rules = Readonly<Record<Base64FaultCode, string>>;

const STANDARD_RULES: Rules = {
  KERNEL_BASE64_CHARACTER: 'expected a character of the standard alphabet (RFC 4648 section 4), found another byte',
  KERNEL_BASE64_PADDING: 'found a "=" that does not complete the last group of four',
  KERNEL_BASE64_LENGTH: 'expected the length to be a multiple of four, but the text ends here',
  KERNEL_BASE64_TRAILING_BITS: 'the last character before the padding carries bits that no encoder writes (RFC 4648 section 3.5)',
};

const URL_RULES: Rules = {
  KERNEL_BASE64_CHARACTER: 'expected a character of the URL alphabet (RFC 4648 section 5), found another byte',
  KERNEL_BASE64_PADDING: 'found a "=", but the URL alphabet is used without padding',
  KERNEL_BASE64_LENGTH: 'expected at least one more character of the last group, but the text ends here',
  KERNEL_BASE64_TRAILING_BITS: 'the last character carries bits that no encoder writes (RFC 4648 section 3.5)',
};
