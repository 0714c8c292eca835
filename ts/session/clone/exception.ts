/**
 * DOMException and its one subclass that can be stored, QuotaExceededError (tag `17`). The stack of a DOMException is not cloned by Chromium; Node 20
 * clones none of it.
 */
import { slotOf } from './brand.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';
import { ForeignValue } from './foreign.ts';
import { readNumber, readString, writeNumber, writeString } from './primitive.ts';
import { type Reading, remember, standIn, type Writing } from './state.ts';
import { TAG } from './tags.ts';

const nameOf = slotOf<string>('DOMException', 'name');
const messageOf = slotOf<string>('DOMException', 'message');
const quotaOf = slotOf<number | null>('QuotaExceededError', 'quota');
const requestedOf = slotOf<number | null>('QuotaExceededError', 'requested');

const PLAIN = 0;
const QUOTA = 1;

/** Writes a DOMException, or its stand-in. */
export function writeDomException(value: object, { writer }: Writing): null {
  const { name, message } = value instanceof ForeignValue ? value.fields : { name: nameOf.call(value), message: messageOf.call(value) };
  writer.byte(TAG.domException);
  writer.byte(PLAIN);
  writeString(name as string, writer);
  writeString(message as string, writer);
  return null;
}

/** Writes a QuotaExceededError, or its stand-in. */
export function writeQuotaExceeded(value: object, { writer }: Writing): null {
  const { message, quota, requested } =
    value instanceof ForeignValue
      ? value.fields
      : { message: messageOf.call(value), quota: quotaOf.call(value), requested: requestedOf.call(value) };
  writer.byte(TAG.domException);
  writer.byte(QUOTA);
  writeString(message as string, writer);
  writeAmount(quota as number | null, writer);
  writeAmount(requested as number | null, writer);
  return null;
}

/** A flag, and the number where there is one. */
function writeAmount(amount: number | null, writer: ByteWriter): void {
  writer.byte(amount === null ? 0 : 1);
  if (amount !== null) writeNumber(amount, writer);
}

type DomExceptionConstructor = new (message: string, name: string) => object;
type QuotaConstructor = new (message: string, options: { quota?: number; requested?: number }) => object;

/** Reads what follows the tag of a DOMException. */
export function readDomException(reading: Reading): object {
  const { reader } = reading;
  const platform = globalThis as { DOMException?: DomExceptionConstructor; QuotaExceededError?: QuotaConstructor };
  const kind = reader.byte();
  if (kind === PLAIN) {
    const name = readString(reader);
    const message = readString(reader);
    const DOMException = platform.DOMException;
    return remember(
      reading,
      DOMException === undefined ? standIn(reading, 'DOMException', { name, message }) : new DOMException(message, name),
    );
  }
  if (kind !== QUOTA) throw reader.fault('an unknown kind of DOMException');
  const message = readString(reader);
  const quota = readAmount(reader);
  const requested = readAmount(reader);
  if (quota !== null && requested !== null && requested < quota) throw reader.fault('less requested than the quota allows');
  const { QuotaExceededError } = platform;
  return remember(
    reading,
    QuotaExceededError === undefined
      ? standIn(reading, 'QuotaExceededError', { message, quota, requested })
      : new QuotaExceededError(message, { ...(quota === null ? {} : { quota }), ...(requested === null ? {} : { requested }) }),
  );
}

function readAmount(reader: ByteReader): number | null {
  const there = reader.byte();
  if (there === 0) return null;
  const amount = there === 1 ? readNumber(reader) : Number.NaN;
  if (!Number.isFinite(amount) || amount < 0 || Object.is(amount, -0)) throw reader.fault('an amount that no quota has');
  return amount;
}
