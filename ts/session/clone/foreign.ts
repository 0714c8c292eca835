/**
 * What stands in a decoded value for an object of a class that this platform does not have (ImageData in Node), or that could not be had without
 * waiting (a CryptoKey in `decodeValue`). It holds all there is to the object, so encoding it gives the bytes of the object itself.
 */

/**
 * Stands for an object of another platform. `fields` are, by class:
 *
 * - `ResizableArrayBuffer`: `bytes`, `maxByteLength`;
 * - a view (`Float16Array` ...): `buffer`, `byteOffset`, `byteLength` (null when it tracks the length of its buffer);
 * - `RegExp`: `source`, `flags`;
 * - `DOMException`: `name`, `message`; `QuotaExceededError`: `message`, `quota`, `requested` (numbers or null);
 * - `Blob`: `type`, `bytes`; `File`: also `name`, `lastModified`; `FileList`: `files`, an array;
 * - `ImageData`: `width`, `height`, `colorSpace`, `pixelFormat`, `bytes`;
 * - DOM geometry: `numbers` (x y z w; x y width height; four points; 6 numbers of a 2D matrix or 16 of a 3D one);
 * - `CryptoKey`: `type`, `algorithm`, `usages`, `bytes` (null when it is not extractable);
 * - `FileSystemFileHandle`, `FileSystemDirectoryHandle`: `path`, the names from the root of the private file system.
 *
 * Bytes are a Uint8Array of their own. Storing a stand-in as it is would store something else: see `DecodedValue.foreign`.
 */
export class ForeignValue {
  readonly className: string;
  readonly fields: Readonly<Record<string, unknown>>;
  constructor(className: string, fields: Readonly<Record<string, unknown>>) {
    this.className = className;
    this.fields = fields;
  }
}
