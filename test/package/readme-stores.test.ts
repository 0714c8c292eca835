/** The program in the section "Stores" of README.md, as a reader would copy it: type-checked against the installed package, then run over a real Redis. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redis } from '../../providers/redis.ts';
import { formatKey, generateKey } from '../../ts/envelope/key.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { hasRedis, startRedis } from '../servers/redis.ts';
import { blobOf, validSession } from '../store/import-fixture.ts';
import { type PackedProject, packProject } from './packed.ts';
import { checkTypes, readProgram } from './program.ts';

const GROUP = 'running the store program of the README';

let packed: PackedProject;

beforeAll(() => {
  packed = packProject(['ioredis', '@types/node']);
  writeFileSync(join(packed.folder, 'program.mjs'), readProgram('README.md', 'stores'));
});

afterAll(() => packed?.dispose());

it('is accepted by TypeScript, with the declarations of ioredis', async () => {
  expect(await checkTypes(packed, 'program.mjs')).toBe('');
});

describe.skipIf(!hasRedis(GROUP))(GROUP, () => {
  it('puts, updates, reads and deletes a session that psp has captured; what is deleted stays so', async () => {
    const server = await startRedis();
    try {
      const key = generateKey();
      writeFileSync(join(packed.folder, 'session.key'), formatKey(key));
      // As `psp capture` seals: for no context.
      writeFileSync(join(packed.folder, 'ada.pspe'), await seal(await blobOf('ada'), key));
      const output = await packed.run(process.execPath, ['program.mjs'], { REDIS_URL: server.url });
      expect(output).toBe('work 2\nnull\n');
      const store = sessionStore(redis({ url: server.url }), { keys: key, tenant: 'acme' });
      await expect(store.put(validSession('ada'))).rejects.toMatchObject({ code: 'STORE_GONE' });
      await store.provider.close();
    } finally {
      await server.stop();
    }
  });
});
