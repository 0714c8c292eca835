/**
 * Where a key comes from: a file, the environment, or a prompt that does not echo. Never an argument, since arguments are visible to every process of
 * the machine and stay in the shell's history.
 */
import { readFile } from 'node:fs/promises';
import { type EncryptionKey, parseKey } from '../envelope/key.ts';
import { PspError } from '../errors.ts';
import { CliFailure } from './failure.ts';
import { reasonOf } from './file.ts';

/** The options that choose a source; every verb that needs a key has them. */
export const KEY_OPTIONS = {
  'key-file': { type: 'string' },
  prompt: { type: 'boolean' },
} as const;

export interface KeyChoice {
  readonly 'key-file'?: string | undefined;
  readonly prompt?: boolean | undefined;
}

/** Name of the environment variable that holds a key. */
const KEY_VARIABLE = 'PSP_KEY';

/** The key that the options, the environment or, at a terminal, the person names. `KEY_MISSING` when none does. */
export async function readKey(choice: KeyChoice): Promise<EncryptionKey> {
  const key = await findKey(choice);
  if (key !== null) return key;
  if (process.stdin.isTTY) return parseKey(await ask('key: '));
  throw new PspError('KEY_MISSING', `no key: give --key-file, set ${KEY_VARIABLE}, or run at a terminal to be asked`);
}

/** The key that the options or the environment name, or null. Asks only with `--prompt`. */
export async function findKey(choice: KeyChoice): Promise<EncryptionKey | null> {
  if (choice.prompt === true) return parseKey(await ask('key: '));
  const file = choice['key-file'];
  if (file !== undefined) return parseKey(await readKeyFile(file));
  const text = process.env[KEY_VARIABLE];
  return text === undefined || text === '' ? null : parseKey(text);
}

async function readKeyFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new CliFailure('KEY_FILE', `the key file cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

/** Reads one line from the terminal without showing it. */
function ask(question: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) throw new CliFailure('USAGE', '--prompt needs a terminal');
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
        if (character === '\u007f' || character === '\b') typed = typed.slice(0, -1);
        else typed += character;
      }
    };
    stdin.on('data', read);
  });
}
