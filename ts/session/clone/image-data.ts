/** ImageData (tag `1b`): width, height, colour space, pixel format, and the pixels as they lie in memory (little-endian, as every engine's). */
import { slotOf } from './brand.ts';
import { ForeignValue } from './foreign.ts';
import { type Reading, remember, standIn, type Writing } from './state.ts';
import { COLOR_SPACES, PIXEL_FORMATS, PIXEL_UNITS, TAG } from './tags.ts';
import { writePlaceholder } from './unportable.ts';

const widthOf = slotOf<number>('ImageData', 'width');
const heightOf = slotOf<number>('ImageData', 'height');
/** Both are newer than the class: without them there is one colour space and one format. */
const colorSpaceOf = slotOf<string>('ImageData', 'colorSpace');
const pixelFormatOf = slotOf<string>('ImageData', 'pixelFormat');

interface Pixels {
  readonly data: ArrayBufferView;
  readonly colorSpace?: string;
}

/** Writes an ImageData, or its stand-in. A colour space or pixel format that has no number is not carried. */
export function writeImageData(value: object, writing: Writing): null {
  const { writer } = writing;
  const { width, height, colorSpace, pixelFormat, bytes } = value instanceof ForeignValue ? value.fields : fieldsOf(value);
  const space = COLOR_SPACES.indexOf(colorSpace as string);
  const format = PIXEL_FORMATS.indexOf(pixelFormat as string);
  if (space < 0 || format < 0) return writePlaceholder('ImageData', writing);
  writer.byte(TAG.imageData);
  writer.varint(width as number);
  writer.varint(height as number);
  writer.byte(space);
  writer.byte(format);
  writer.bytes(bytes as Uint8Array);
  return null;
}

function fieldsOf(value: object): Readonly<Record<string, unknown>> {
  return {
    width: widthOf.call(value),
    height: heightOf.call(value),
    colorSpace: 'colorSpace' in value ? colorSpaceOf.call(value) : COLOR_SPACES[0],
    pixelFormat: 'pixelFormat' in value ? pixelFormatOf.call(value) : PIXEL_FORMATS[0],
    bytes: bytesOf((value as Pixels).data),
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

type ImageDataConstructor = new (width: number, height: number, settings?: { colorSpace: string; pixelFormat?: string }) => Pixels;

/** Reads what follows the tag of an ImageData. */
export function readImageData(reading: Reading): object {
  const { reader } = reading;
  const width = reader.varint();
  const height = reader.varint();
  const colorSpace = COLOR_SPACES[reader.byte()];
  const format = reader.byte();
  const pixelFormat = PIXEL_FORMATS[format];
  if (width === 0 || height === 0 || colorSpace === undefined || pixelFormat === undefined)
    throw reader.fault('an unknown kind of ImageData');
  const bytes = new Uint8Array(reader.view(width * height * 4 * (PIXEL_UNITS[format] as number)));
  const real = make(width, height, colorSpace, pixelFormat, bytes);
  return remember(reading, real ?? standIn(reading, 'ImageData', { width, height, colorSpace, pixelFormat, bytes }));
}

/** Null where the platform has no such class, colour space or format: it ignores what it does not know. */
function make(width: number, height: number, colorSpace: string, pixelFormat: string, bytes: Uint8Array): object | null {
  const { ImageData } = globalThis as unknown as { ImageData?: ImageDataConstructor };
  if (ImageData === undefined) return null;
  try {
    // Firefox, which has no settings, takes three arguments for other ones.
    const isPlain = colorSpace === COLOR_SPACES[0] && pixelFormat === PIXEL_FORMATS[0];
    const made = isPlain ? new ImageData(width, height) : new ImageData(width, height, { colorSpace, pixelFormat });
    const pixels = bytesOf(made.data);
    if (pixels.length !== bytes.length || (made.colorSpace ?? COLOR_SPACES[0]) !== colorSpace) return null;
    pixels.set(bytes);
    return made;
  } catch {
    return null;
  }
}
