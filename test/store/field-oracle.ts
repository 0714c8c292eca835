/** A second implementation of `ts/envelope/field-layout.md` over node:crypto and JSON, slow and obvious, that shares no line with the one under test. */

import { createDecipheriv, createHmac } from 'node:crypto';

const x = (secret: Uint8Array, label: string, salt: Uint8Array = new Uint8Array(0)): Buffer =>
  createHmac('sha512', secret).update(`psp/env@1 ${label}\0`, 'latin1').update(salt).digest();

function gcmDecrypt(keyAndNonce: Buffer, sealed: Uint8Array, additionalData: Uint8Array): Buffer {
  const cipher = createDecipheriv('aes-256-gcm', keyAndNonce.subarray(0, 32), keyAndNonce.subarray(32, 44), { authTagLength: 16 });
  cipher.setAAD(additionalData);
  cipher.setAuthTag(sealed.subarray(sealed.length - 16));
  return Buffer.concat([cipher.update(sealed.subarray(0, sealed.length - 16)), cipher.final()]);
}

/** Opens single values of a file, once its manifest and context are right. Throws where they are not. */
export function oracleFields(
  file: Uint8Array,
  key: { readonly kid: string; readonly bytes: Uint8Array },
  context: Uint8Array,
): (sealed: string, place: string) => Buffer {
  const text = Buffer.from(file).toString('utf8');
  const { pspf, manifest } = JSON.parse(text) as {
    pspf: { id: string; context: string; wraps: { type: number; kid: string; body: string }[] };
    manifest: string;
  };
  const fileId = Buffer.from(pspf.id, 'hex');
  const contextMac = Buffer.from(pspf.context, 'base64');
  const wrap = pspf.wraps.find(({ type, kid }) => type === 1 && kid === key.kid);
  if (wrap === undefined) throw new Error('no such wrap');
  const body = Buffer.from(wrap.body, 'base64');
  const place = Buffer.concat([
    ...[Buffer.from('PSPF\x01\x01\0\0', 'latin1'), fileId, Buffer.alloc(8), contextMac],
    ...[Buffer.from([1, Buffer.byteLength(wrap.kid)]), Buffer.from(wrap.kid)],
  ]);
  const dataKey = gcmDecrypt(x(key.bytes, 'kek-wrap', body.subarray(0, 24)), body.subarray(24), place);

  const covered = text.slice(0, text.lastIndexOf('"manifest":"') + '"manifest":"'.length);
  const expected = createHmac('sha256', x(dataKey, 'field-manifest').subarray(0, 32)).update(covered, 'utf8').digest('base64');
  if (expected !== manifest || text !== `${covered}${manifest}"}\n`) throw new Error('another manifest');
  const contextKey = x(dataKey, 'context').subarray(0, 32);
  if (!createHmac('sha256', contextKey).update(context).digest().equals(contextMac)) throw new Error('another context');

  const fieldKey = x(dataKey, 'field').subarray(0, 32);
  return (base64, at) => {
    const sealed = Buffer.from(base64, 'base64');
    const additionalData = Buffer.concat([Buffer.from('psp/field@1\0', 'latin1'), fileId, Buffer.from(at, 'utf8')]);
    const padded = gcmDecrypt(x(fieldKey, 'field', sealed.subarray(0, 24)), sealed.subarray(24), additionalData);
    return padded.subarray(0, padded.lastIndexOf(0x80));
  };
}
