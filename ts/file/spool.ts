/**
 * Contents on their way into a session file, on disk instead of in memory. They are encrypted under a key that this process alone has, in a file without a
 * name: when the process ends, however it ends, nothing is left, and what a disk keeps of it tells nobody anything.
 */
import { open, rm, unlink } from 'node:fs/promises';
import { ephemeralCipher } from '../envelope/ephemeral.ts';
import type { SectionSink } from '../session/section-sink.ts';
import type { Section } from '../session/session.ts';
import { OWNER_ONLY } from './handle.ts';
import { recordOn, type Tape } from './tape.ts';

/** A file for the contents of one capture. */
export interface Spool {
  readonly sink: SectionSink;
  /** Closes and removes the file: its sections cannot be read after that. */
  close(): Promise<void>;
}

/**
 * Makes a spool at `path`, where no file may be; the name is there for a moment only, where the system lets an open file go without (Windows may not).
 * Nobody but this process can read it. After a failure to write, such as `ENOSPC`, it takes nothing more.
 *
 * Its sections reject with `ENVELOPE_TAMPERED` where another program wrote into the file or cut it, and with a TypeError after `close`.
 *
 * @throws the errors of the file system as they are, and `ENVELOPE_NO_CRYPTO` where the platform has no source of randomness.
 */
export async function openSpool(path: string): Promise<Spool> {
  const cipher = await ephemeralCipher();
  const file = await open(path, 'wx+', OWNER_ONLY);
  const isNameless = await unlink(path).then(
    () => true,
    () => false,
  );
  const tape = recordOn(file, cipher);
  const sink: SectionSink = {
    async begin(mediaType) {
      const extents: Extent[] = [];
      return {
        async write(bytes) {
          const offset = await tape.append(bytes);
          const last = extents.at(-1);
          if (last !== undefined && last.offset + last.length === offset) last.length += bytes.length;
          else extents.push({ offset, length: bytes.length });
        },
        end: async () => spooled(tape, extents, mediaType),
        // What was written stays unused until the spool is removed.
        async abort() {
          extents.length = 0;
        },
      };
    },
  };
  return {
    sink,
    async close() {
      await tape.forget();
      await file.close();
      if (!isNameless) await rm(path, { force: true });
    },
  };
}

/** Bytes that lie together in a spool. */
interface Extent {
  readonly offset: number;
  length: number;
}

const PIECE_BYTES = 256 * 1024;

function spooled(tape: Tape, extents: readonly Extent[], mediaType: string): Section {
  const length = extents.reduce((sum, extent) => sum + extent.length, 0);
  async function* stream(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (const { offset, length: part } of extents) {
      for (let at = 0; at < part; at += PIECE_BYTES) yield await tape.read(offset + at, Math.min(PIECE_BYTES, part - at));
    }
  }
  return {
    mediaType,
    length,
    async bytes() {
      const whole = new Uint8Array(length);
      let at = 0;
      for await (const piece of stream()) {
        whole.set(piece, at);
        at += piece.length;
      }
      return whole;
    },
    stream,
  };
}
