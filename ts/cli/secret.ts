/**
 * Secret text from outside: a file, a file descriptor, the environment, or a prompt that does not echo. Never an argument, since arguments are
 * visible to every process of the machine and stay in the shell's history. What a secret means is not known here.
 */
import { readFile as readDescriptor } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { PspError } from '../errors.ts';
import { CliFailure, usage } from './failure.ts';
import { reasonOf } from './file.ts';

/** Where one secret may come from, as the options of a verb say it. */
export interface SecretPlaces {
  /** For messages: what is looked for. */
  readonly what: string;
  readonly file?: string | undefined;
  /** A number, as it was typed. */
  readonly fd?: string | undefined;
  readonly prompt?: boolean | undefined;
  /** What the prompt asks. */
  readonly question: string;
}

/** The secret that the options name, or null. A file that cannot be read is `KEY_FILE`, a prompt without a terminal is a wrong use. */
export async function findSecret(places: SecretPlaces): Promise<Uint8Array | null> {
  const { what, file, fd, prompt, question } = places;
  if (prompt === true) return new TextEncoder().encode(await ask(question));
  if (file !== undefined && fd !== undefined) throw usage(`the ${what} comes either from a file or from a descriptor`);
  if (fd !== undefined) return readFd(fd, what);
  return file === undefined ? null : readSecretFile(file, what);
}

/** The secret in an environment variable, or null: an empty one counts as none. */
export function findInEnvironment(variable: string): Uint8Array | null {
  const text = process.env[variable];
  return text === undefined || text === '' ? null : new TextEncoder().encode(text);
}

/** Whether somebody is there to be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY;
}

/** Reads one line from the terminal without showing it. */
export function ask(question: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) throw new CliFailure('USAGE', 'a prompt needs a terminal');
  return new Promise((resolve, reject) => {
    let typed = '';
    // First of all: what is typed between a question and raw mode would be echoed.
    stdin.setRawMode(true);
    stderr.write(question);
    stdin.setEncoding('utf8');
    stdin.resume();
    const end = (settle: () => void): void => {
      stdin.off('data', read);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
      settle();
    };
    const read = (chunk: string): void => {
      for (const character of chunk) {
        if (character === '\r' || character === '\n') {
          end(() => resolve(typed));
          return;
        }
        // Ctrl-C and Ctrl-D: raw mode hands them over as characters.
        if (character === '\u0003' || character === '\u0004') {
          end(() => reject(new PspError('KEY_MISSING', 'no key was given')));
          return;
        }
        if (character === '\u007f' || character === '\b') typed = [...typed].slice(0, -1).join('');
        else typed += character;
      }
    };
    stdin.on('data', read);
  });
}

async function readSecretFile(path: string, what: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new CliFailure('KEY_FILE', `the ${what} file cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

/** What descriptors gave: one passphrase may be for several files, and a descriptor gives it only once. */
const taken = new Map<number, Promise<Uint8Array>>();

/** All that can be read from an open descriptor, such as that of `3< file` or of a pipe. */
function readFd(text: string, what: string): Promise<Uint8Array> {
  const fd = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(fd === 0 || fd > 2)) throw usage(`the descriptor of the ${what} is a number: 0, or 3 and more`);
  const known = taken.get(fd);
  if (known !== undefined) return known;
  const reading = new Promise<Uint8Array>((resolve, reject) => {
    readDescriptor(fd, (cause, bytes) => {
      if (cause === null) resolve(bytes);
      else reject(new CliFailure('KEY_FILE', `the ${what} cannot be read from its descriptor: ${reasonOf(cause)}`, { cause }));
    });
  });
  taken.set(fd, reading);
  return reading;
}
