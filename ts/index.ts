/**
 * What a program imports as `persistent-sessions`: the Session document, the blob, sealing, errors and the choice of kernel. Drivers, providers and
 * formats have entries of their own, so that nothing here pulls a client library or a `node:` module. The names are listed in `portable.ts`; here
 * those that may encode or decode Base64, or look for differences, are put in front of the compiled kernels.
 */
import { convertBlob as convert } from './blob/convert.ts';
import { decodeSession as decode } from './blob/decode.ts';
import { encodeSession as encode } from './blob/encode.ts';
import { exportJson as exportAsJson } from './blob/export.ts';
import { openBlob as openAt } from './blob/source.ts';
import { readBlob as read, writeBlob as write } from './blob/stream.ts';
import { compareSessions as compare } from './diff/compare.ts';
import { diffSessions as sessions } from './diff/diff.ts';
import { dearmor as fromArmor, armor as toArmor } from './envelope/armor.ts';
import { withCompiledBase64, withCompiledDiff } from './kernel/select.ts';
import { diffBlobs as blobs, compareBlobs as compareInBlobs } from './store/compare.ts';
import { openFields as openValues, openSealedFields as openValuesWithHead, sealFields as sealValues } from './store/field-file.ts';

export {
  activeKernel,
  type CompiledModule,
  decodeBase64,
  decodeBase64Into,
  decodeBase64Parts,
  decodeBase64View,
  encodeBase64,
  encodeBase64Into,
  encodeBase64View,
  useKernel,
  useModule,
} from './kernel/select.ts';
export * from './portable.ts';

/** {@link encode}, with the compiled kernel where the platform lets it start. */
export const encodeSession: typeof encode = /* @__PURE__ */ withCompiledBase64(encode);
/** {@link decode}, with the compiled kernel where the platform lets it start. */
export const decodeSession: typeof decode = /* @__PURE__ */ withCompiledBase64(decode);
/** {@link convert}, with the compiled kernel where the platform lets it start. */
export const convertBlob: typeof convert = /* @__PURE__ */ withCompiledBase64(convert);
/** {@link exportAsJson}, with the compiled kernel where the platform lets it start. */
export const exportJson: typeof exportAsJson = /* @__PURE__ */ withCompiledBase64(exportAsJson);
/** {@link openAt}, with the compiled kernel where the platform lets it start. */
export const openBlob: typeof openAt = /* @__PURE__ */ withCompiledBase64(openAt);
/** {@link read}, with the compiled kernel where the platform lets it start. */
export const readBlob: typeof read = /* @__PURE__ */ withCompiledBase64(read);
/** {@link write}, with the compiled kernel where the platform lets it start. */
export const writeBlob: typeof write = /* @__PURE__ */ withCompiledBase64(write);
/** {@link sessions}, with the compiled kernel where the platform lets it start. */
export const diffSessions: typeof sessions = /* @__PURE__ */ withCompiledDiff(sessions);
/** {@link compare}, with the compiled kernel where the platform lets it start. */
export const compareSessions: typeof compare = /* @__PURE__ */ withCompiledDiff(compare);
/** {@link blobs}, with the compiled kernel where the platform lets it start. */
export const diffBlobs: typeof blobs = /* @__PURE__ */ withCompiledDiff(/* @__PURE__ */ withCompiledBase64(blobs));
/** {@link compareInBlobs}, with the compiled kernel where the platform lets it start. */
export const compareBlobs: typeof compareInBlobs = /* @__PURE__ */ withCompiledDiff(/* @__PURE__ */ withCompiledBase64(compareInBlobs));
/** {@link toArmor}, with the compiled kernel where the platform lets it start. */
export const armor: typeof toArmor = /* @__PURE__ */ withCompiledBase64(toArmor);
/** {@link fromArmor}, with the compiled kernel where the platform lets it start. */
export const dearmor: typeof fromArmor = /* @__PURE__ */ withCompiledBase64(fromArmor);
/** {@link sealValues}, with the compiled kernel where the platform lets it start. */
export const sealFields: typeof sealValues = /* @__PURE__ */ withCompiledBase64(sealValues);
/** {@link openValues}, with the compiled kernel where the platform lets it start. */
export const openFields: typeof openValues = /* @__PURE__ */ withCompiledBase64(openValues);
/** {@link openValuesWithHead}, with the compiled kernel where the platform lets it start. */
export const openSealedFields: typeof openValuesWithHead = /* @__PURE__ */ withCompiledBase64(openValuesWithHead);
