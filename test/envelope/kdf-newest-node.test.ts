/**
 * Argon2id in the newest Node, which has it natively. The sources run there as they are, in a process of their own, and what it gives must be the bytes
 * of RFC 9106, of the reference implementation, and of noble here.
 */

import { execFileSync } from 'node:child_process';
import { argon2id } from '@noble/hashes/argon2.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { KDF_DEFAULTS, type KdfParameters } from '../../ts/envelope/kdf.ts';
import { open } from '../../ts/envelope/open.ts';
import { Passphrase } from '../../ts/envelope/passphrase.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { requireNewestNode } from '../servers/newest-node.ts';
import { plaintextOf, toHex } from './fixture.ts';

const GROUP = 'Argon2id in the newest Node';
const newest = requireNewestNode(GROUP);

/** RFC 9106, section 5.3, in the names of node:crypto. The format has no secret and no associated data, so this one is asked of Node itself. */
const RFC_9106 = {
  parameters: {
    ...{ message: '01'.repeat(32), nonce: '02'.repeat(16), secret: '03'.repeat(8), associatedData: '04'.repeat(12) },
    ...{ memory: 32, passes: 3, parallelism: 4, tagLength: 32 },
  },
  tag: '0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659',
};

const PASSWORD = 'correct horse';
const SALT = 'sixteen bytes ..';

/** Password, salt, parameters and the key in hex: one of phc-winner-argon2 (src/test.c, version 0x13), and one by noble for our defaults. */
const JOBS: readonly (readonly [password: string, salt: string, parameters: KdfParameters, key: string])[] = [
  [
    'password',
    'somesalt',
    { kdf: 'argon2id', memoryKiB: 256, passes: 2, parallelism: 2 },
    '6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037',
  ],
  [
    'password',
    'somesalt',
    { kdf: 'argon2id', memoryKiB: 65_536, passes: 2, parallelism: 1 },
    '09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7',
  ],
  [PASSWORD, SALT, KDF_DEFAULTS.argon2id, toHex(argon2id(PASSWORD, SALT, { m: 19_456, t: 2, p: 1, dkLen: 32 }))],
];

const PROGRAM = `
  import { argon2Sync } from 'node:crypto';
  import { findKdfDoors, findKdfRunner, findKdfRunners, runKdf } from '${new URL('../../ts/envelope/engine/kdf.ts', import.meta.url)}';
  import { activeKdfRunner, open, Passphrase, seal, useEngine } from '${new URL('../../ts/envelope/envelope.ts', import.meta.url)}';

  const { rfc, jobs, sealedHere, passphrase } = await new Response(ReadableStream.from(process.stdin)).json();
  const hex = (bytes) => Buffer.from(bytes).toString('hex');
  const utf8 = (text) => new TextEncoder().encode(text);
  const parameters = Object.entries(rfc).map(([name, value]) => [name, typeof value === 'string' ? Buffer.from(value, 'hex') : value]);
  const doors = findKdfDoors(null);
  const keys = [];
  for (const [password, salt, parameters] of jobs) {
    keys.push(hex(await runKdf('node', doors, utf8(password), utf8(salt), parameters, 32)));
  }
  const secret = new Passphrase(passphrase);
  const opened = await open(Buffer.from(sealedHere, 'base64'), secret);
  const active = [await activeKdfRunner('argon2id')];
  for (const kind of ['node', 'noble']) {
    useEngine(kind);
    active.push(await activeKdfRunner('argon2id'));
  }
  useEngine(null);
  const facts = {
    rfc: hex(argon2Sync('argon2id', Object.fromEntries(parameters))),
    chosen: await findKdfRunner('argon2id', doors),
    runners: await findKdfRunners('argon2id', doors),
    ...{ active, keys, opened: hex(opened), sealedThere: hex(await seal(opened, secret)) },
  };
  console.log(JSON.stringify(facts));`;

interface Facts {
  readonly rfc: string;
  readonly chosen: string;
  readonly runners: readonly string[];
  /** Who runs it without a pin, with node:crypto pinned, and with noble pinned. */
  readonly active: readonly string[];
  readonly keys: readonly string[];
  readonly opened: string;
  readonly sealedThere: string;
}

describe.skipIf(newest === null)(GROUP, () => {
  const plain = plaintextOf(100);
  const passphrase = new Passphrase(PASSWORD);
  let found: Facts;

  beforeAll(async () => {
    const sealedHere = Buffer.from(await seal(plain, passphrase)).toString('base64');
    const input = JSON.stringify({ rfc: RFC_9106.parameters, jobs: JOBS, sealedHere, passphrase: PASSWORD });
    const output = execFileSync(newest!, ['--input-type=module', '--eval', PROGRAM], { input, encoding: 'utf8' });
    found = JSON.parse(output) as Facts;
  });

  it('is what RFC 9106 says', () => {
    expect(found.rfc).toBe(RFC_9106.tag);
  });

  it('is chosen before all others, unless noble is pinned', () => {
    expect([found.chosen, found.runners[0], found.runners.at(-1)]).toEqual(['node', 'node', 'noble']);
    expect(found.active).toEqual(['node', 'node', 'noble']);
  });

  it('gives the bytes of the reference implementation and of noble', () => {
    expect(found.keys).toEqual(JOBS.map(([, , , key]) => key));
  });

  it('opens what a passphrase sealed here, and what it seals opens here', async () => {
    expect(found.opened).toBe(toHex(plain));
    expect(toHex(await open(Buffer.from(found.sealedThere, 'hex'), passphrase))).toBe(toHex(plain));
  });
});
