/**
 * What a program imports as `persistent-sessions`: the Session document, the blob, sealing, errors and the choice of kernel. Drivers, providers and
 * formats have entries of their own, so that nothing here pulls a client library or a `node:` module. The names are listed in `portable.ts`; here
 * those that may encode or decode Base64 are put in front of the compiled kernel.
 */
import { convertBlob as convert } from './blob/convert.ts';
import { decodeSession as decode } from './blob/decode.ts';
import { encodeSession as encode } from './blob/encode.ts';
import { exportJson as exportAsJson } from './blob/export.ts';
import { readBlob as read, writeBlob as write } from './blob/stream.ts';
import { withCompiledKernel } from './kernel/select.ts';

export { activeKernel, decodeBase64, encodeBase64, useKernel } from './kernel/select.ts';
export * from './portable.ts';

/** {@link encode}, with the compiled kernel where the platform lets it start. */
export const encodeSession: typeof encode = /* @__PURE__ */ withCompiledKernel(encode);
/** {@link decode}, with the compiled kernel where the platform lets it start. */
export const decodeSession: typeof decode = /* @__PURE__ */ withCompiledKernel(decode);
/** {@link convert}, with the compiled kernel where the platform lets it start. */
export const convertBlob: typeof convert = /* @__PURE__ */ withCompiledKernel(convert);
/** {@link exportAsJson}, with the compiled kernel where the platform lets it start. */
export const exportJson: typeof exportAsJson = /* @__PURE__ */ withCompiledKernel(exportAsJson);
/** {@link read}, with the compiled kernel where the platform lets it start. */
export const readBlob: typeof read = /* @__PURE__ */ withCompiledKernel(read);
/** {@link write}, with the compiled kernel where the platform lets it start. */
export const writeBlob: typeof write = /* @__PURE__ */ withCompiledKernel(write);
