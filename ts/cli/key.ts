/** `psp key new`: a fresh key in a file of its own. */
import { parseArgs } from 'node:util';
import { formatKey, generateKey } from '../envelope/key.ts';
import { usage } from './failure.ts';
import { createWhole } from './file.ts';

export async function runKey(args: readonly string[]): Promise<void> {
  const [verb, ...rest] = args;
  if (verb !== 'new') throw usage('the key command is: psp key new -o FILE');
  const { values } = parseArgs({ args: rest, options: { out: { type: 'string', short: 'o' } } });
  if (values.out === undefined) throw usage('key new needs -o FILE');
  const key = generateKey();
  // A key file is never replaced: what was sealed with the old key would be lost.
  await createWhole(values.out, `${formatKey(key)}\n`);
  process.stdout.write(`wrote key ${key.kid} to ${values.out}: whoever has it opens every session that is sealed with it\n`);
}
